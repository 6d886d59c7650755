// What would cross the boundary between WebAssembly and JavaScript once a field, in one call each.
// Nothing is decided here.

/** A request's method, URL and the headers that a cached read looks at, one a line. */
export function asked(request) {
  const { headers } = request;
  const of = (name) => headers.get(name) ?? "";
  return [
    request.method,
    request.url,
    // Cloudflare puts its own in the place of the client's, which it tells apart.
    request.cf?.clientAcceptEncoding ?? of("accept-encoding"),
    of("if-none-match"),
    of("x-catalog-token"),
    of("cf-connecting-ip"),
  ].join("\n");
}

/** Header fields: a name and a value in turn, each ended by a line feed. */
export function linesOf({ headers }) {
  let lines = "";
  for (const [name, value] of headers) {
    lines += `${name}\n${value}\n`;
  }
  return lines;
}

function fields(lines) {
  const headers = new Headers();
  const parts = lines.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) {
    headers.append(parts[at], parts[at + 1]);
  }
  return headers;
}

/** What a Response is made from beside its body; can be used any number of times. */
export function head(status, lines) {
  // Bodies are encoded already.
  return { status, headers: fields(lines), encodeBody: "manual" };
}

export function touch({ headers }, age, cacheStatus) {
  if (age) {
    headers.set("age", age);
  }
  headers.set("cache-status", cacheStatus);
}

export function answer(body, head) {
  const { status } = head;
  // The platform refuses a body there, even an empty one.
  const isBodiless = status === 204 || status === 205 || status === 304;
  return new Response(isBodiless ? null : body, head);
}

export function setHeader(response, name, value) {
  response.headers.set(name, value);
}

function failure(error, otherwise) {
  return { failure: error?.name === "TimeoutError" ? "timeout" : otherwise };
}

/** What the platform undoes where it is let: by these names alone. */
const UNDONE = ["gzip", "br"];

/** Bytes that come out of a decoder, of which a few can become very many. */
async function decoded(stream, bytesMax) {
  const chunks = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.byteLength;
    if (length > bytesMax) {
      // Leaving the loop cancels the stream.
      return undefined;
    }
    chunks.push(chunk);
  }
  return await new Blob(chunks).arrayBuffer();
}

/** A GET, and its whole answer; plain, whatever a proxy made of it, where that is wanted. */
export async function ask(url, lines, millis, bytesMax, wantsPlain) {
  let response;
  try {
    response = await fetch(url, {
      headers: fields(lines),
      redirect: "manual",
      cache: "no-store",
      encodeResponseBody: wantsPlain ? "automatic" : "manual",
      signal: AbortSignal.timeout(millis),
    });
  } catch (error) {
    return failure(error, "unreachable");
  }
  try {
    if (Number(response.headers.get("content-length")) > bytesMax) {
      await response.body?.cancel();
      return { failure: "unusable" };
    }
    const isUndone = wantsPlain && UNDONE.includes(response.headers.get("content-encoding"));
    const body =
      isUndone && response.body
        ? await decoded(response.body, bytesMax)
        : await response.arrayBuffer();
    return body === undefined || body.byteLength > bytesMax
      ? { failure: "unusable" }
      : { status: response.status, lines: linesOf(response), body, isUndone };
  } catch (error) {
    return failure(error, "unusable");
  }
}

/** Somebody else's request, sent on; its answer streams back. */
export async function pass(request, url, lines, millis) {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), millis);
  try {
    const response = await fetch(url, {
      method: request.method,
      headers: fields(lines),
      body: request.body,
      redirect: "manual",
      encodeResponseBody: "manual",
      signal: silence.signal,
    });
    return { status: response.status, lines: linesOf(response), body: response.body };
  } catch {
    return { failure: silence.signal.aborted ? "timeout" : "unreachable" };
  } finally {
    clearTimeout(timer);
  }
}

/** The bytes under a key of the data centre's cache. A cache that fails has nothing. */
export async function stored(key) {
  try {
    const response = await caches.default.match(key);
    return await response?.arrayBuffer();
  } catch {
    return undefined;
  }
}

export async function store(key, front, body, seconds, tags) {
  const bytes = new Uint8Array(front.length + body.byteLength);
  bytes.set(front);
  bytes.set(new Uint8Array(body), front.length);
  const headers = fields(
    `cache-control\npublic, max-age=${seconds}\ncontent-type\napplication/octet-stream\n`,
  );
  if (tags) {
    headers.set("cache-tag", tags);
  }
  try {
    await caches.default.put(key, new Response(bytes, { headers }));
  } catch {
    // It is a cache: what it does not take is asked for again.
  }
}

async function says(limiter, key) {
  try {
    return (await limiter.limit({ key })).success;
  } catch {
    return true;
  }
}

/** How long a request waits for the limiter: an answer that is held was decided before. */
const LIMIT_WITHIN = 250;

/**
 * Whether the rate-limit binding lets this key's next request through. A binding that fails, or
 * does not say in time, does.
 */
export async function isWithin(limiter, key) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, LIMIT_WITHIN, true);
  });
  const isWithin = await Promise.race([says(limiter, key), late]);
  clearTimeout(timer);
  return isWithin;
}

/** An answer that is there, once the limiter lets it through; else what `refused` makes. */
export async function held(limiter, key, answer, refused) {
  return (await isWithin(limiter, key)) ? answer : refused();
}

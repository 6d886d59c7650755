// What a proxy by the book needs of the platform beside what ../glue.js has.

/** The start of a GET of our own, as `pass` takes a request. */
export function get() {
  return { method: "GET", body: null };
}

/** All of a body that has at most so many bytes, or else a stream of it from its start. */
export async function readUpTo(body, bytesMax, millis) {
  if (!body) {
    return { body: new ArrayBuffer(0) };
  }
  const reader = body.getReader();
  const chunks = [];
  let length = 0;
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new DOMException("too slow", "TimeoutError")), millis);
  });
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done) {
        return { body: joined(chunks, length) };
      }
      chunks.push(value);
      length += value.byteLength;
      if (length > bytesMax) {
        return { rest: resumed(chunks, reader) };
      }
    }
  } catch (error) {
    reader.cancel(error).catch(() => {});
    return { failure: error?.name === "TimeoutError" ? "timeout" : "unusable" };
  } finally {
    clearTimeout(timer);
  }
}

function joined(chunks, length) {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole.buffer;
}

function resumed(chunks, reader) {
  return new ReadableStream({
    async pull(controller) {
      const chunk = chunks.shift();
      if (chunk) {
        controller.enqueue(chunk);
        return;
      }
      const { done, value } = await reader.read();
      if (done) {
        controller.close();
      } else {
        controller.enqueue(value);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

//! The headers that edge and origin speak with each other, in the lower case of HTTP libraries.

use crate::browser::{NOSNIFF, READABLE};

/// Proves that the edge sent a request, see [`crate::auth`].
pub const EDGE_AUTH: &str = "x-edge-auth";
/// The shopper's address, as the edge saw it.
pub const CLIENT_ADDR: &str = "x-client-addr";
/// The customer whose cookie the edge verified; absent for all others.
pub const CLIENT_USER: &str = "x-client-user";
/// The host name by which the shop is known outside.
pub const PUBLIC_HOST: &str = "x-public-host";
/// A decimal sequence number of the change log: an answer made before it is of no use.
pub const MIN_SEQ: &str = "x-min-seq";
/// [`crate::Encoding::as_str`] of the one encoding that the edge wants the answer in. Proxies
/// rewrite `Accept-Encoding` (Cloudflare's to `br, gzip`), and leave a field that they don't know
/// alone.
pub const EDGE_ENCODING: &str = "x-edge-encoding";
/// Of a signed request in the place of an entry that the change log invalidated: the seal of
/// [`crate::auth::SigningKey::seal_refill`]. Without it, or without a valid seal, the
/// request is counted like any other.
pub const REFILL: &str = "x-edge-refill";
/// `{log}.{seq}`: the log's position before the answer's data was read.
pub const STAMP: &str = "x-stamp";
/// [`domain::RowId`]: the newest row of the log that the origin had taken when it answered, so that
/// nothing in the answer is newer. It betrays a store that was put back.
pub const SEEN: &str = "x-seen";
/// The answer's tags, parted by blanks.
pub const TAGS: &str = "x-tags";
/// What its bearer has written, see [`crate::token`].
pub const CATALOG_TOKEN: &str = "x-catalog-token";
/// RFC 9213.
pub const CDN_CACHE_CONTROL: &str = "cdn-cache-control";
/// RFC 9211.
pub const CACHE_STATUS: &str = "cache-status";

/// What `OPTIONS *` names in `Allow`: the methods of the server as a whole (RFC 9110 §9.3.7).
pub const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// What the origin tells the edge alone.
pub const INTERNAL_OF_ANSWERS: [&str; 4] = [STAMP, SEEN, TAGS, MIN_SEQ];

/// Of one request, of this hop, or not true of a copy.
const NOT_KEPT: [&str; 13] = [
    "age",
    "cache-status",
    "cdn-cache-control",
    "content-length",
    "idempotent-replayed",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "server",
    "server-timing",
    "set-cookie",
    "traceparent",
    "x-request-id",
];

/// Whether an answer that is kept does without it: not every client may get it.
pub fn is_not_kept(name: &str) -> bool {
    INTERNAL_OF_ANSWERS.contains(&name) || NOT_KEPT.contains(&name)
}

/// Whether a 304 repeats it of a 200 (RFC 9110 §15.4.5); and what a browser asks of every answer.
pub fn is_repeated_by_304(name: &str) -> bool {
    matches!(name, "cache-control" | "content-location" | "date" | "etag" | "expires" | "vary")
        || name == NOSNIFF.0
        || READABLE.iter().any(|(repeated, _)| *repeated == name)
}

/// Whether only the edge may say it to the origin. What a client sends under such a name is dropped
/// before the edge adds its own.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with("x-edge-")
        || name.starts_with("x-client-")
        || name.starts_with("x-forwarded-")
        || matches!(name, "forwarded" | PUBLIC_HOST | MIN_SEQ | STAMP | SEEN | TAGS)
        || matches!(name, "x-real-ip" | "x-original-url" | "x-rewrite-url" | "x-host")
        || matches!(name, "x-http-method" | "x-http-method-override" | "x-method-override")
}

/// Hop-by-hop (RFC 9110 §7.6.1, RFC 9113 §8.2.2), beside what `Connection` lists.
pub fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authentication-info"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Whether it goes further than the next hop, where `Connection` lists `listed` (RFC 9110 §7.6.1).
pub fn is_end_to_end(name: &str, listed: &str) -> bool {
    let is_listed = || listed.split(',').any(|option| option.trim().eq_ignore_ascii_case(name));

    !is_hop_by_hop(name) && !is_listed()
}

//! Header fields as they stand on the wire: `name: value`, each ended by CR and LF.

use std::time::Duration;

use bytes::Bytes;
use edge_core::cache_status::CACHE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

pub(crate) const NOT_MODIFIED: &[u8] = b"HTTP/1.1 304 Not Modified\r\n";
pub(crate) const END: &[u8] = b"\r\n";

const BETWEEN: &[u8] = b": ";
/// Of a status line: the longest reason has 31.
const STATUS_LEN: usize = 64;

pub(crate) fn put_status(out: &mut Vec<u8>, status: StatusCode) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(END);
}

pub(crate) fn put_line(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(BETWEEN);
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(END);
}

pub(crate) fn put_age(out: &mut Vec<u8>, age: Duration) {
    out.extend_from_slice(b"age: ");
    out.extend_from_slice(itoa::Buffer::new().format(age.as_secs()).as_bytes());
    out.extend_from_slice(END);
}

/// As [`CacheStatus::Hit`] is printed, without the formatter.
pub(crate) fn put_hit(out: &mut Vec<u8>, ttl: i64) {
    out.extend_from_slice(b"cache-status: ");
    out.extend_from_slice(CACHE.as_bytes());
    out.extend_from_slice(b"; hit; ttl=");
    out.extend_from_slice(itoa::Buffer::new().format(ttl).as_bytes());
    out.extend_from_slice(END);
}

/// At most what a head with these fields takes.
pub(crate) fn len(fields: &HeaderMap) -> usize {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().len() + BETWEEN.len() + value.len() + END.len()
    };

    STATUS_LEN + fields.iter().map(line).sum::<usize>()
}

/// The fields of what [`put_line`] wrote, from `at` on. Values share its memory.
pub(crate) fn fields(head: &Bytes, at: usize) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let mut at = at;

    std::iter::from_fn(move || {
        let rest = &head[at..];
        let between = find(rest, BETWEEN)?;
        let end = between + find(&rest[between..], END)?;
        let value = head.slice(at + between + BETWEEN.len()..at + end);
        let name = HeaderName::from_bytes(&rest[..between]).ok()?;
        at += end + END.len();

        Some((name, HeaderValue::from_maybe_shared(value).ok()?))
    })
}

pub(crate) fn place_of(head: &[u8], value: &[u8]) -> Option<std::ops::Range<usize>> {
    find(head, value).map(|at| at..at + value.len())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len().max(1)).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use edge_core::CacheStatus;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut written = HeaderMap::new();
        written.append("etag", HeaderValue::from_static("\"a: b\""));
        written.append("x-empty", HeaderValue::from_static(""));
        written.append("x-two", HeaderValue::from_static("1"));
        written.append("x-two", HeaderValue::from_bytes(b"\xff: ").unwrap());
        let mut head = Vec::new();
        put_status(&mut head, StatusCode::NOT_FOUND);
        let at = head.len();
        for (name, value) in &written {
            put_line(&mut head, name, value);
        }

        assert!(head.starts_with(b"HTTP/1.1 404 Not Found\r\netag: \"a: b\"\r\n"));
        assert!(head.len() <= len(&written));
        assert_eq!(fields(&head.into(), at).collect::<HeaderMap>(), written);
    }

    #[test]
    fn a_hit_is_printed_like_any_other_status() {
        for ttl in [0, 1, -7, i64::MAX] {
            let mut out = Vec::new();
            put_hit(&mut out, ttl);

            let status = CacheStatus::Hit { ttl, detail: None };
            assert_eq!(out, format!("cache-status: {status}\r\n").as_bytes());
        }
    }

    #[test]
    fn the_head_of_a_304_is_one_of_these() {
        let mut head = Vec::new();

        put_status(&mut head, StatusCode::NOT_MODIFIED);

        assert_eq!(head, NOT_MODIFIED);
    }
}

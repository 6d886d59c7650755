//! What is kept of an answer, in as little memory as it takes, and close together.
//!
//! A value that came over a connection is a slice of the buffer that it was read into, and holds all
//! of that; each value that is made by itself is an allocation of its own, which a hit has to touch
//! to share it.

use bytes::{BufMut as _, Bytes, BytesMut};
use domain::policy::BROWSER_CACHE_CONTROL;
use http::{HeaderMap, HeaderValue};

/// What most answers say: nobody counts who shares these.
const COMMON: [&str; 6] = [
    "application/json",
    "application/problem+json",
    "Accept-Encoding",
    BROWSER_CACHE_CONTROL,
    "br",
    "gzip",
];

/// The same, with the values that are not [`COMMON`] and the body in one allocation.
pub(crate) fn compacted(head: &HeaderMap, body: &Bytes) -> (HeaderMap, Bytes) {
    let own = head.values().filter(|value| common(value).is_none());
    let size = own.map(HeaderValue::len).sum::<usize>() + body.len();
    let mut memory = BytesMut::with_capacity(size);
    let mut compact = HeaderMap::with_capacity(head.len());

    let mut places = Vec::with_capacity(head.len());
    for value in head.values().filter(|value| common(value).is_none()) {
        let from = memory.len();
        memory.put_slice(value.as_bytes());
        places.push(from..memory.len());
    }
    let from = memory.len();
    memory.put_slice(body);
    let memory = memory.freeze();

    let mut places = places.into_iter();
    for (name, value) in head {
        let value = common(value)
            .or_else(|| HeaderValue::from_maybe_shared(memory.slice(places.next()?)).ok());
        compact.append(name.clone(), value.expect("each value has a place, and is one"));
    }
    (compact, memory.slice(from..))
}

fn common(value: &HeaderValue) -> Option<HeaderValue> {
    let known = COMMON.into_iter().find(|known| value == known)?;

    Some(HeaderValue::from_static(known))
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_ENCODING, DATE, ETAG, VARY};

    use super::*;

    #[test]
    fn nothing_is_lost_and_nothing_of_the_old_memory_is_held() {
        let read = Bytes::from("\"tag\"Fri, 27 Nov 2026 00:00:00 GMTbody".to_owned());
        let mut head = HeaderMap::new();
        let value = |range| HeaderValue::from_maybe_shared(read.slice(range)).unwrap();
        head.insert(ETAG, value(0..5));
        head.insert(DATE, value(5..34));
        head.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
        head.append(VARY, HeaderValue::from_static("Accept-Encoding"));
        head.append(VARY, HeaderValue::from_static("X-Two"));

        let (compact, body) = compacted(&head, &read.slice(34..));

        assert_eq!(compact, head);
        assert_eq!(body, "body");
        drop(head);
        assert!(read.is_unique());
    }

    #[test]
    fn an_answer_without_a_body_has_none() {
        let (compact, body) = compacted(&HeaderMap::new(), &Bytes::new());

        assert!(compact.is_empty() && body.is_empty());
    }
}

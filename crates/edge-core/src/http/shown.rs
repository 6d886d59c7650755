//! An answer made of what is kept: the whole, a part, or that the client has it already.

use std::ops::Range;

use domain::Timestamp;
use http::header::{AGE, CACHE_CONTROL, CACHE_STATUS, CONTENT_LENGTH, CONTENT_RANGE, DATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::preconditions::{is_unmodified, unmodified_head};
use super::range::{Selected, select};
use super::stored::{RequestView, Stored};
use crate::cache_status::CacheStatus;

/// A head, and which of the kept bytes come after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Range<usize>,
}

impl Stored {
    /// For such a request, of a body with `len` bytes; conditions come before ranges
    /// (RFC 9110 §13.2.2).
    pub fn show(
        &self,
        len: usize,
        request: &RequestView<'_>,
        status: &CacheStatus,
        now: Timestamp,
    ) -> Shown {
        let mut shown = self.shown(len, request, now);
        let age = self.age(now).as_secs();

        // It says that an answer was not made for this request (RFC 9111 §5.1).
        if age > 0 || matches!(status, CacheStatus::Hit { .. }) {
            shown.headers.insert(AGE, HeaderValue::from(age));
        }
        shown.headers.append(CACHE_STATUS, printed(&status.to_string()));
        shown
    }

    fn shown(&self, len: usize, request: &RequestView<'_>, now: Timestamp) -> Shown {
        if is_unmodified(request.headers, self, now) {
            let headers = unmodified_head(&self.headers);
            return Shown { status: StatusCode::NOT_MODIFIED, headers, bytes: 0..0 };
        }
        if *request.method == Method::HEAD {
            return Shown { bytes: 0..0, ..self.whole(len) };
        }
        match select(request.headers, self, len) {
            Selected::Whole => self.whole(len),
            Selected::Part(bytes) => {
                let mut headers = self.headers.clone();
                let range = format!("bytes {}-{}/{len}", bytes.start, bytes.end - 1);
                headers.insert(CONTENT_RANGE, printed(&range));
                headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
                Shown { status: StatusCode::PARTIAL_CONTENT, headers, bytes }
            }
            Selected::Nothing => {
                // It has nothing of what is kept but the length: a cache nearer to the client must
                // not take it for the resource.
                let mut headers = HeaderMap::with_capacity(6);
                headers.extend(self.headers.get(DATE).map(|date| (DATE, date.clone())));
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                headers.insert(CONTENT_RANGE, printed(&format!("bytes */{len}")));
                Shown { status: StatusCode::RANGE_NOT_SATISFIABLE, headers, bytes: 0..0 }
            }
        }
    }

    fn whole(&self, len: usize) -> Shown {
        let mut headers = self.headers.clone();
        // "A server MUST NOT send a Content-Length header field in any response with a status code
        // of … 204" (RFC 9110 §8.6).
        if self.status != StatusCode::NO_CONTENT {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
        }
        Shown { status: self.status, headers, bytes: 0..len }
    }
}

fn printed(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).expect("a range and a cache status are printable ASCII")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Received;
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_795_442_552_000);
    const HIT: CacheStatus = CacheStatus::Hit { ttl: 50, detail: None };

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    /// What a request gets of ten bytes, ten seconds after they came.
    fn shown(method: &Method, request: &[(&'static str, &str)]) -> Shown {
        let received = Received {
            status: StatusCode::OK,
            headers: headers(&[("cache-control", "max-age=60"), ("etag", "\"a\""), ("x", "1")]),
            requested_at: AT,
            received_at: AT,
        };
        let request = headers(request);
        let asked = RequestView { method, headers: &request };
        let get = RequestView { method: &Method::GET, headers: &HeaderMap::new() };
        let stored = Stored::of(&get, &received).unwrap();

        stored.show(10, &asked, &HIT, AT.plus(Duration::from_secs(10)))
    }

    #[test]
    fn the_whole_says_how_long_and_how_old_it_is() {
        let whole = shown(&Method::GET, &[]);

        assert_eq!((whole.status, whole.bytes), (StatusCode::OK, 0..10));
        assert_eq!(whole.headers["content-length"], "10");
        assert_eq!(whole.headers["age"], "10");
        assert_eq!(whole.headers["cache-status"], "shopping-edge; hit; ttl=50");
    }

    #[test]
    fn a_head_has_all_but_the_bytes() {
        let head = shown(&Method::HEAD, &[]);

        assert_eq!((head.status, head.bytes), (StatusCode::OK, 0..0));
        assert_eq!(head.headers, shown(&Method::GET, &[]).headers);
    }

    #[test]
    fn a_client_that_has_it_gets_no_bytes_even_if_it_wants_a_part() {
        let known = shown(&Method::GET, &[("if-none-match", "\"a\""), ("range", "bytes=0-1")]);

        assert_eq!((known.status, known.bytes), (StatusCode::NOT_MODIFIED, 0..0));
        assert!(!known.headers.contains_key("x") && known.headers.contains_key("age"));
    }

    #[test]
    fn a_part_says_which_it_is() {
        let part = shown(&Method::GET, &[("range", "bytes=2-4")]);
        let none = shown(&Method::GET, &[("range", "bytes=10-")]);

        assert_eq!((part.status, part.bytes), (StatusCode::PARTIAL_CONTENT, 2..5));
        assert_eq!(part.headers["content-range"], "bytes 2-4/10");
        assert_eq!(part.headers["content-length"], "3");
        assert_eq!((none.status, none.bytes), (StatusCode::RANGE_NOT_SATISFIABLE, 0..0));
        assert_eq!(none.headers["content-range"], "bytes */10");
        assert_eq!(none.headers["cache-control"], "no-store");
        assert!(!none.headers.contains_key("etag") && !none.headers.contains_key("x"));
    }
}

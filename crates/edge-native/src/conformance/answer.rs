//! An answer made of what is kept: the whole, a part, or that the client has it already.

use bytes::Bytes;
use domain::Timestamp;
use edge_core::CacheStatus;
use edge_core::http::{Selected, is_unmodified, select, unmodified_head};
use http::header::{AGE, CACHE_STATUS, CONTENT_LENGTH, CONTENT_RANGE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::shelf::Kept;
use crate::body::Body;
use crate::problem::status_value;

impl Kept {
    /// For a request with these headers; conditions come before ranges (RFC 9110 §13.2.2).
    pub(super) fn answer(
        &self,
        is_head: bool,
        request: &HeaderMap,
        status: &CacheStatus,
        now: Timestamp,
    ) -> Response<Body> {
        let stored = &self.stored;
        let mut answer = if is_unmodified(request, stored, now) {
            of(StatusCode::NOT_MODIFIED, unmodified_head(&stored.headers), Bytes::new())
        } else if is_head {
            self.whole_head()
        } else {
            match select(request, stored, self.body.len()) {
                Selected::Whole => self.whole(),
                Selected::Part(part) => {
                    let (first, last) = (part.start, part.end - 1);
                    let mut head = stored.headers.clone();
                    let range = format!("bytes {first}-{last}/{}", self.body.len());
                    head.insert(CONTENT_RANGE, printed(&range));
                    head.insert(CONTENT_LENGTH, HeaderValue::from(part.len()));
                    of(StatusCode::PARTIAL_CONTENT, head, self.body.slice(part))
                }
                Selected::Nothing => {
                    let mut head = unmodified_head(&stored.headers);
                    head.insert(CONTENT_RANGE, printed(&format!("bytes */{}", self.body.len())));
                    of(StatusCode::RANGE_NOT_SATISFIABLE, head, Bytes::new())
                }
            }
        };

        let headers = answer.headers_mut();
        let age = stored.age(now).as_secs();
        // It says that an answer was not made for this request (RFC 9111 §5.1).
        if age > 0 || matches!(status, CacheStatus::Hit { .. }) {
            headers.insert(AGE, HeaderValue::from(age));
        }
        headers.append(CACHE_STATUS, status_value(status));
        answer
    }

    fn whole(&self) -> Response<Body> {
        let mut answer = self.whole_head();
        *answer.body_mut() = Body::Bytes(self.body.clone());
        answer
    }

    fn whole_head(&self) -> Response<Body> {
        let mut head = self.stored.headers.clone();
        // "A server MUST NOT send a Content-Length header field in any response with a status code
        // of … 204" (RFC 9110 §8.6).
        if self.stored.status != StatusCode::NO_CONTENT {
            head.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        of(self.stored.status, head, Bytes::new())
    }
}

fn of(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::Bytes(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn printed(range: &str) -> HeaderValue {
    HeaderValue::try_from(range).expect("a range is printable ASCII")
}

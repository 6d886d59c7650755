//! An answer that can be sent any number of times: its heads are made once, its bytes are shared.

use std::time::Duration;

use bytes::Bytes;
use domain::policy::{BROWSER_CACHE_CONTROL, PRIVATE_CACHE_CONTROL};
use edge_core::fields::passed;
use edge_core::{CacheStatus, conditional, headers};
use http::header::{
    AGE, CACHE_CONTROL, CACHE_STATUS, CONTENT_LENGTH, DATE, ETAG, IF_NONE_MATCH, RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use limits::{RATELIMIT, RATELIMIT_POLICY};

use crate::body::Body;
use crate::compact::compacted;
use crate::origin::Whole;
use crate::problem::status_value;

pub(crate) struct Answer {
    pub status: StatusCode,
    /// Complete, with placeholders for what differs from one sending to the next: replacing a value
    /// in a clone moves nothing.
    head: HeaderMap,
    /// The head of a 304, where there can be one.
    unchanged: Option<HeaderMap>,
    etag: Option<HeaderValue>,
    body: Bytes,
}

/// What of a request decides how an answer is sent.
pub(crate) struct Asked<'a> {
    pub is_head: bool,
    pub headers: &'a HeaderMap,
}

impl Answer {
    /// Of an answer that is kept.
    pub fn kept(whole: &Whole) -> Self {
        let mut head = passed(&whole.headers, headers::is_not_kept);
        head.insert(CACHE_CONTROL, HeaderValue::from_static(BROWSER_CACHE_CONTROL));
        let etag = head.get(ETAG).cloned().unwrap_or_else(|| {
            let made = conditional::etag(&whole.body);
            HeaderValue::try_from(made).expect("an entity tag is printable ASCII")
        });
        head.insert(ETAG, etag);
        let (head, body) = compacted(&head, &whole.body);
        let etag = head.get(ETAG).cloned();

        Self::new(whole.status, head, etag, body)
    }

    /// Of an answer that is shown and forgotten.
    pub fn passing(whole: Whole) -> Self {
        let mut head = passed(&whole.headers, headers::is_not_kept);
        for name in [RETRY_AFTER, HeaderName::from_static("x-request-id")] {
            if let Some(value) = whole.headers.get(&name) {
                head.insert(name, value.clone());
            }
        }
        if !head.contains_key(CACHE_CONTROL) {
            head.insert(CACHE_CONTROL, HeaderValue::from_static(PRIVATE_CACHE_CONTROL));
        }
        let etag = head.get(ETAG).cloned();

        Self::new(whole.status, head, etag, whole.body)
    }

    /// The same bytes, which a 304 has just called right.
    pub fn validated(&self, by: &HeaderMap) -> Self {
        let mut head = self.head.clone();
        if let Some(date) = by.get(DATE) {
            // Not the clone, which would hold all of the 304.
            head.insert(DATE, HeaderValue::from_bytes(date.as_bytes()).unwrap_or(date.clone()));
        }

        Self::new(self.status, head, self.etag.clone(), self.body.clone())
    }

    fn new(
        status: StatusCode,
        mut head: HeaderMap,
        etag: Option<HeaderValue>,
        body: Bytes,
    ) -> Self {
        head.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        head.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        head.insert(AGE, HeaderValue::from_static("0"));
        head.insert(CACHE_STATUS, HeaderValue::from_static(""));
        head.insert(RATELIMIT_POLICY, HeaderValue::from_static(""));
        head.insert(RATELIMIT, HeaderValue::from_static(""));
        let unchanged = (status == StatusCode::OK && etag.is_some()).then(|| {
            let repeated = head.iter().filter(|(name, _)| is_repeated_by_304(name));
            repeated.map(|(name, value)| (name.clone(), value.clone())).collect()
        });

        Self { status, head, unchanged, etag, body }
    }

    pub fn etag(&self) -> Option<&HeaderValue> {
        self.etag.as_ref()
    }

    /// What it takes in memory: the bytes, and about 100 a header.
    pub fn size_bytes(&self) -> usize {
        let unchanged = self.unchanged.as_ref().map_or(0, HeaderMap::len);

        self.body.len() + 100 * (self.head.len() + unchanged)
    }

    pub fn send(
        &self,
        asked: &Asked<'_>,
        age: Option<Duration>,
        status: &CacheStatus,
    ) -> Response<Body> {
        let unchanged = self.unchanged.as_ref().filter(|_| self.is_known_to(asked.headers));
        let mut response = match unchanged {
            Some(head) => {
                let mut response = Response::new(Body::EMPTY);
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                *response.headers_mut() = head.clone();
                response
            }
            None => {
                let body = if asked.is_head { Bytes::new() } else { self.body.clone() };
                let mut response = Response::new(Body::Bytes(body));
                *response.status_mut() = self.status;
                *response.headers_mut() = self.head.clone();
                response
            }
        };

        let headers = response.headers_mut();
        headers.insert(CACHE_STATUS, status_value(status));
        match age {
            Some(age) if age.as_secs() == 0 => {}
            Some(age) => {
                headers.insert(AGE, HeaderValue::from(age.as_secs()));
            }
            None => {
                headers.remove(AGE);
            }
        }
        response
    }

    fn is_known_to(&self, headers: &HeaderMap) -> bool {
        let Some(etag) = self.etag.as_ref().and_then(|etag| etag.to_str().ok()) else {
            return false;
        };

        headers
            .get_all(IF_NONE_MATCH)
            .iter()
            .any(|line| conditional::is_known(line.as_bytes(), etag))
    }
}

/// What a 304 repeats of a 200, and what this edge adds.
fn is_repeated_by_304(name: &HeaderName) -> bool {
    const ADDED: [HeaderName; 4] = [AGE, CACHE_STATUS, RATELIMIT, RATELIMIT_POLICY];

    headers::is_repeated_by_304(name.as_str()) || ADDED.contains(name)
}

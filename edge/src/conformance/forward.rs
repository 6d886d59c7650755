//! What no cache may answer: passed to the origin and back, streaming both ways.

use edge_core::cache_status::Forward;
use edge_core::http::{Target, end_to_end, invalidated, is_safe};
use edge_core::{CacheStatus, MaxForwards};
use http::header::{CACHE_STATUS, MAX_FORWARDS};
use http::{HeaderMap, HeaderValue, StatusCode};
use wasm_bindgen::JsValue;

use super::js::lines;
use super::proxy::{Asking, Proxy};
use crate::http::problem::{self, Readers};

impl Proxy {
    pub(super) async fn forward(&self, asking: &Asking, why: Forward) -> JsValue {
        let status = CacheStatus::forwarded(why);
        let mut onward = end_to_end(&asking.headers);
        if let MaxForwards::Left(left) = MaxForwards::of(asking.method.as_str(), &asking.headers) {
            onward.insert(MAX_FORWARDS, HeaderValue::from(left));
        }

        match self.sent(&asking.request, &asking.target, onward).await {
            Ok((answered, headers, body)) => {
                self.forget_what_changed(asking, answered, &headers);
                with_cache_status(answered, end_to_end(&headers), &body, &status)
            }
            Err(failure) => problem::failed(failure, &status, None, Readers::OurOwn),
        }
    }

    /// Before the client hears that it was done, so that it can't read what was before.
    fn forget_what_changed(&self, asking: &Asking, status: StatusCode, headers: &HeaderMap) {
        if is_safe(&asking.method) {
            return;
        }
        let at = Target {
            scheme: &self.scheme,
            authority: &self.authority,
            path_and_query: &asking.target,
        };
        for url in invalidated(&at, &asking.method, status, headers) {
            self.store.invalidate(&url);
        }
    }
}

/// With our word at the end of the list, after those of caches nearer to the origin.
pub(super) fn with_cache_status(
    answered: StatusCode,
    mut headers: HeaderMap,
    body: &JsValue,
    status: &CacheStatus,
) -> JsValue {
    let printed = HeaderValue::try_from(status.to_string());
    headers.append(CACHE_STATUS, printed.expect("a cache status is printable ASCII"));

    crate::js::answer(body, &crate::js::head(answered.as_u16(), &lines(&headers)))
}

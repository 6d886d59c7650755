//! What no cache may answer: passed to the origin and back, streaming both ways.

use edge_core::cache_status::Forward;
use edge_core::http::{Target, end_to_end, invalidated, is_safe};
use edge_core::{CacheStatus, MaxForwards};
use http::header::{CACHE_STATUS, CONTENT_LENGTH, MAX_FORWARDS, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_server::InterimSender;
use hyper::body::{Body as _, Incoming};

use super::proxy::Proxy;
use crate::http::body::Body;
use crate::http::interim;
use crate::http::problem::status_value;
use crate::upstream::forward::unless_silent;

impl Proxy {
    pub(super) async fn forward(
        &self,
        request: Request<Incoming>,
        target: PathAndQuery,
        early: InterimSender,
        why: Forward,
    ) -> Response<Body> {
        let status = CacheStatus::forwarded(why);
        let (head, incoming) = request.into_parts();
        if incoming.size_hint().lower() > self.limits.passed_body_max {
            return self.too_large(&status);
        }
        let silence_max = self.limits.silence_max;
        let (body, progress) = Body::of_request(incoming, self.limits.passed_body_max, silence_max);
        let mut onward = Request::new(body);
        *onward.method_mut() = head.method.clone();
        *onward.headers_mut() = end_to_end(&head.headers);
        if let MaxForwards::Left(left) = MaxForwards::of(onward.method().as_str(), &head.headers) {
            onward.headers_mut().insert(MAX_FORWARDS, HeaderValue::from(left));
        }
        if head.headers.contains_key(TRANSFER_ENCODING) {
            // It overrides a length (RFC 9112 §6.3), which the origin must not believe either.
            onward.headers_mut().remove(CONTENT_LENGTH);
        }

        interim::forward(&mut onward, early, end_to_end);
        let response = self.upstream.send(onward, &target);
        match unless_silent(response, &progress, silence_max).await {
            Ok(response) => {
                self.forget_what_changed(&head.method, &target, &response);
                self.relay(response, &status)
            }
            Err(_) if progress.was_too_large() => self.too_large(&status),
            Err(failure) => self.failed(failure, &status),
        }
    }

    /// Before the client hears that it was done, so that it can't read what was before.
    fn forget_what_changed<T>(
        &self,
        method: &Method,
        target: &PathAndQuery,
        response: &Response<T>,
    ) {
        if is_safe(method) {
            return;
        }
        let at = Target {
            scheme: &self.upstream.scheme,
            authority: &self.upstream.authority,
            path_and_query: target.as_str(),
        };
        for url in invalidated(&at, method, response.status(), response.headers()) {
            self.store.invalidate(&url);
        }
    }

    pub(super) fn relay(
        &self,
        response: Response<Incoming>,
        status: &CacheStatus,
    ) -> Response<Body> {
        let (head, incoming) = response.into_parts();
        let (body, _) = Body::stream(incoming, u64::MAX, self.limits.silence_max);
        let mut back = Response::new(body);
        *back.status_mut() = head.status;
        *back.headers_mut() = end_to_end(&head.headers);

        with_cache_status(back, status)
    }
}

/// With our word at the end of the list, after those of caches nearer to the origin.
pub(super) fn with_cache_status(
    mut response: Response<Body>,
    status: &CacheStatus,
) -> Response<Body> {
    response.headers_mut().append(CACHE_STATUS, status_value(status));
    response
}

/// Whether a body comes with the request: then it is none that a cache answers.
pub(super) fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

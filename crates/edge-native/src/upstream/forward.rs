//! Requests that are never cached: forwarded to the origin and back, streaming both ways.

use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::{Code, ProblemBody};
use edge_core::fields::passed;
use edge_core::{CacheStatus, Failure, MaxForwards, headers};
use http::header::{CACHE_STATUS, CONTENT_LENGTH, EXPECT, HOST, MAX_FORWARDS, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_server::InterimSender;
use hyper::body::{Body as _, Incoming};
use ports::World;
use tokio::time::{Instant, sleep_until};

use crate::http::body::{Body, Progress};
use crate::http::interim;
use crate::http::problem::{self, status_value};
use crate::metrics::Metrics;
use crate::settings::Limits;
use crate::upstream::origin::Origin;

const STATUS: CacheStatus = CacheStatus::BYPASS;

/// Forwards what no cache may answer.
pub(crate) struct Forwarder {
    pub origin: Arc<Origin>,
    pub limits: Limits,
    pub metrics: Arc<Metrics>,
    pub world: Arc<dyn World>,
}

impl Forwarder {
    pub async fn forward(
        &self,
        request: Request<Incoming>,
        target: PathAndQuery,
        client: IpAddr,
        early: InterimSender,
    ) -> Response<Body> {
        self.metrics.count_response(&STATUS);
        let (head, incoming) = request.into_parts();
        if incoming.size_hint().lower() > self.limits.passed_body_max {
            return self.too_large();
        }
        let silence_max = self.limits.silence_max;
        let (body, progress) = Body::of_request(incoming, self.limits.passed_body_max, silence_max);
        let mut onward = Request::new(body);
        *onward.method_mut() = head.method;
        *onward.headers_mut() = passed(&head.headers, |name| {
            headers::is_reserved(name) || name == HOST.as_str() || name == EXPECT.as_str()
        });

        if let MaxForwards::Left(left) = MaxForwards::of(onward.method().as_str(), &head.headers) {
            onward.headers_mut().insert(MAX_FORWARDS, HeaderValue::from(left));
        }
        if head.headers.contains_key(TRANSFER_ENCODING) {
            // It overrides a length (RFC 9112 §6.3), which the origin must not believe either.
            onward.headers_mut().remove(CONTENT_LENGTH);
        }

        interim::forward(&mut onward, early, of_answers);
        let response = self.origin.pass(onward, target, client);
        match unless_silent(response, &progress, silence_max).await {
            Ok(response) => self.relay(response),
            Err(_) if progress.was_too_large() => self.too_large(),
            Err(_) if progress.has_stalled() => problem::of(
                ProblemBody::new(Code::Timeout, "the body did not arrive"),
                &STATUS,
                &*self.world,
            ),
            Err(_) if progress.was_broken() => problem::of(
                ProblemBody::new(Code::InvalidJson, "the body did not arrive whole"),
                &STATUS,
                &*self.world,
            ),
            Err(failure) => {
                self.metrics.count_failure(failure);
                problem::failed(failure, &STATUS, &*self.world)
            }
        }
    }

    fn relay(&self, response: Response<Incoming>) -> Response<Body> {
        let (head, incoming) = response.into_parts();
        let (body, _) = Body::stream(incoming, u64::MAX, self.limits.silence_max);
        let mut back = Response::new(body);
        *back.status_mut() = head.status;
        *back.headers_mut() = of_answers(&head.headers);
        // The origin's own cache, if it has one, comes first in the list.
        back.headers_mut().append(CACHE_STATUS, status_value(&STATUS));

        back
    }

    fn too_large(&self) -> Response<Body> {
        let most = self.limits.passed_body_max;
        let detail = format!("the body has more than {most} bytes");

        problem::of(ProblemBody::new(Code::PayloadTooLarge, detail), &STATUS, &*self.world)
    }
}

/// The fields of the origin's response that are for the client.
fn of_answers(fields: &HeaderMap) -> HeaderMap {
    passed(fields, |name| headers::INTERNAL_OF_ANSWERS.contains(&name))
}

/// The response, or a timeout once neither side has said anything for `silence_max`.
pub(crate) async fn unless_silent<T>(
    response: impl Future<Output = Result<T, Failure>>,
    progress: &Progress,
    silence_max: Duration,
) -> Result<T, Failure> {
    let mut response = pin!(response);

    loop {
        let deadline = progress.last() + silence_max;
        tokio::select! {
            biased;
            response = &mut response => return response,
            () = sleep_until(deadline) => {
                if progress.last() + silence_max <= Instant::now() {
                    return Err(Failure::Timeout);
                }
            }
        }
    }
}

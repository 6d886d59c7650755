//! Where each request goes: answered from the store, fetched, or forwarded.

use std::sync::Arc;

use domain::{Code, ProblemBody};
use edge_core::cache_status::{Detail, Forward, Forwarded};
use edge_core::http::{
    Decision, Received, RequestDirectives, RequestView, agrees_with_head, decide, end_to_end,
    is_for_the_origin_alone,
};
use edge_core::{CacheStatus, Failure, MaxForwards, Refusal, framing, host};
use http::header::{HOST, RANGE, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_server::InterimSender;
use hyper::body::Incoming;
use ports::World;
use tokio::sync::Semaphore;

use super::fetch::{FetchFailure, FetchOutcome, FetchRequest};
use super::forward::{has_body, with_cache_status};
use super::shared_fetch::SharedOutcome;
use super::store::{CacheEntry, Lookup, ResponseStore};
use super::upstream::Upstream;
use crate::cache::hit_for_miss::HitForMiss;
use crate::cache::single_flight::SingleFlight;
use crate::edge::of_the_server;
use crate::http::body::Body;
use crate::http::problem;
use crate::metrics::Metrics;
use crate::settings::Limits;

pub(super) struct Proxy {
    pub upstream: Upstream,
    pub store: ResponseStore,
    pub single_flight: Arc<SingleFlight<SharedOutcome>>,
    pub hit_for_miss: HitForMiss,
    pub fetches: Semaphore,
    pub limits: Limits,
    pub metrics: Metrics,
    pub world: Arc<dyn World>,
}

impl Proxy {
    pub async fn handle(
        self: &Arc<Self>,
        request: Request<Incoming>,
        early: InterimSender,
    ) -> Response<Body> {
        let hosts = request.headers().get_all(HOST).iter().map(HeaderValue::as_bytes);
        let codings = request.headers().get_all(TRANSFER_ENCODING).iter();
        let readable = host::check(hosts, request.version() > Version::HTTP_10)
            .and_then(|()| framing::check(codings.map(HeaderValue::as_bytes)));
        if let Err(refusal) = readable {
            return problem::refused(refusal, &*self.world);
        }
        let now = self.world.now();
        if self.upstream.own.include(request.method().as_str(), "", request.headers(), now) {
            return problem::refused(Refusal::looping(), &*self.world);
        }
        let Some(target) = request.uri().path_and_query().cloned() else {
            let body = ProblemBody::new(Code::InvalidParameter, "the request names no path");
            return problem::of(body, &CacheStatus::Refused, &*self.world);
        };
        if MaxForwards::of(request.method().as_str(), request.headers()) == MaxForwards::Here {
            return of_the_server(request.method());
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return self.forward(request, target, early, Forward::Method).await;
        }
        if has_body(request.headers()) || is_for_the_origin_alone(request.headers()) {
            return self.forward(request, target, early, Forward::Bypass).await;
        }
        self.read(request, target, early).await
    }

    async fn read(
        self: &Arc<Self>,
        request: Request<Incoming>,
        target: PathAndQuery,
        early: InterimSender,
    ) -> Response<Body> {
        let is_head = *request.method() == Method::HEAD;
        let wants = RequestDirectives::of(request.headers());
        let (entry, nothing) = match self.store.find(target.as_str(), request.headers()) {
            Lookup::Entry(entry) => (Some(entry), Forward::UriMiss),
            Lookup::OtherVariants => (None, Forward::VaryMiss),
            Lookup::Nothing => (None, Forward::UriMiss),
        };
        let now = self.world.now();
        let decision = decide(&wants, entry.as_ref().map(|entry| &entry.stored), nothing, now);
        // A part of what is not stored is forwarded as a part: the whole may be many times as
        // large.
        let is_part_of_nothing = entry.is_none() && request.headers().contains_key(RANGE);

        match (decision, entry) {
            (Decision::Fetch(why), _) if is_part_of_nothing => {
                self.forward(request, target, early, why).await
            }
            (Decision::Fetch(why), entry) => {
                let headers = Arc::new(request.into_parts().0.headers);
                let question = FetchRequest { target, headers, entry, early: Some(early) };
                if is_head {
                    self.head(question, why).await
                } else {
                    self.fetched(question, &wants, why).await
                }
            }
            (Decision::Serve(hit), Some(entry)) => {
                let status = CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail };
                self.respond(&entry, is_head, request.headers(), &status)
            }
            (Decision::ServeAndRefresh(hit), Some(entry)) => {
                let status = CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail };
                let answer = self.respond(&entry, is_head, request.headers(), &status);
                self.refresh(target, request.into_parts().0.headers, entry);
                answer
            }
            (Decision::OnlyIfCached, _) | (_, None) => {
                let body = ProblemBody::new(Code::Timeout, "nothing is kept that may be shown");
                problem::of(body, &CacheStatus::Refused, &*self.world)
            }
        }
    }

    fn respond(
        &self,
        entry: &CacheEntry,
        is_head: bool,
        request: &HeaderMap,
        status: &CacheStatus,
    ) -> Response<Body> {
        self.metrics.count_response(status);

        let method = if is_head { &Method::HEAD } else { &Method::GET };
        let view = RequestView { method, headers: request };
        entry.answer(&view, status, self.world.now())
    }

    /// Refreshes an entry in the background, unless a fetch is under way.
    fn refresh(self: &Arc<Self>, target: PathAndQuery, headers: HeaderMap, entry: Arc<CacheEntry>) {
        let headers = Arc::new(headers);
        let question = FetchRequest { target, headers, entry: Some(entry), early: None };
        let key = self.store.key_of(question.url(), &question.headers);

        if let (_, Some(leader)) = self.single_flight.join(&key, None) {
            drop(self.spawn_fetch(question, key, leader));
        }
    }

    async fn fetched(
        self: &Arc<Self>,
        question: FetchRequest,
        wants: &RequestDirectives,
        why: Forward,
    ) -> Response<Body> {
        let (headers, may_serve_stale) = (Arc::clone(&question.headers), question.entry.clone());
        let (outcome, collapsed) = self.fetch_shared(question, wants).await;
        let forwarded = |status, stored, detail| {
            CacheStatus::Forwarded(Forwarded { why, status, stored, collapsed, detail })
        };

        match outcome {
            FetchOutcome::Stored { entry, is_validated, is_stored, withheld } => {
                let status = forwarded(is_validated.then_some(304), is_stored, None);
                let mut answer = self.respond(&entry, false, &headers, &status);
                answer.headers_mut().extend(withheld);
                answer
            }
            FetchOutcome::Forwarded(response) => {
                let status = forwarded(None, false, None);
                self.metrics.count_response(&status);
                with_cache_status(response, &status)
            }
            FetchOutcome::Failed(failed) => {
                let now = self.world.now();
                match may_serve_stale.filter(|entry| entry.stored.may_serve_stale(now)) {
                    Some(entry) => {
                        let detail = Some(Detail::StaleIfError);
                        let status = forwarded(Some(failed.status()), false, detail);
                        self.respond(&entry, false, &headers, &status)
                    }
                    None => self.fetch_failed(failed, &forwarded(None, false, None)),
                }
            }
        }
    }

    fn fetch_failed(&self, failed: FetchFailure, status: &CacheStatus) -> Response<Body> {
        match failed {
            FetchFailure::NoAnswer(failure) => self.failed(failure, status),
            // It was withheld for an answer that has become too old meanwhile.
            FetchFailure::Status(_) => self.failed(Failure::Unusable, status),
        }
    }

    /// A HEAD is forwarded as one, and its response updates the stored one (RFC 9111 §4.3.5).
    async fn head(&self, question: FetchRequest, why: Forward) -> Response<Body> {
        let epoch = self.store.epoch(question.url());
        let requested_at = self.world.now();
        let request = question.request(Method::HEAD, end_to_end(&question.headers));
        let within = self.limits.fetch_within;
        let response = self.upstream.read(request, &question.target, within).await;
        let status = CacheStatus::forwarded(why);
        let response = match response {
            Ok(response) => response,
            Err(failure) => return self.failed(failure, &status),
        };

        if let Some(entry) = &question.entry
            && response.status() == StatusCode::OK
        {
            let brought = Received {
                status: response.status(),
                headers: response.headers().clone(),
                requested_at,
                received_at: self.world.now(),
            };
            if entry.stored.status == StatusCode::OK
                && agrees_with_head(&entry.stored.headers, &brought.headers)
            {
                self.freshen(&question, entry, &brought, |entry| {
                    self.store.put(question.url(), entry, &epoch)
                });
            } else {
                self.store.invalidate(question.url());
            }
        }
        self.metrics.count_response(&status);
        self.relay(response, &status)
    }

    pub(super) fn failed(&self, failure: Failure, status: &CacheStatus) -> Response<Body> {
        self.metrics.count_failure(failure);
        self.metrics.count_response(status);
        let body = match failure {
            Failure::Unreachable => {
                ProblemBody::new(Code::OriginUnreachable, "the origin can't be reached")
            }
            Failure::Timeout => ProblemBody::new(Code::Timeout, "the origin took too long"),
            Failure::Unusable | Failure::Foreign(_) => {
                ProblemBody::new(Code::OriginUnreachable, "the origin's answer can't be read")
            }
        };

        problem::of(body, status, &*self.world)
    }

    pub(super) fn too_large(&self, status: &CacheStatus) -> Response<Body> {
        let most = self.limits.passed_body_max;
        let body =
            ProblemBody::new(Code::PayloadTooLarge, format!("the body has more than {most} bytes"));

        problem::of(body, status, &*self.world)
    }
}

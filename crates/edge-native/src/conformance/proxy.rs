//! Where each request goes: answered from what is kept, fetched, or passed on.

use std::sync::Arc;

use domain::{Code, ProblemBody};
use edge_core::cache_status::{Detail, Forward, Forwarded};
use edge_core::http::{
    Asked, Decision, Received, RequestDirectives, agrees_with_head, decide, end_to_end,
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

use super::collapse::Landed;
use super::fetch::{Failed, Outcome, Question};
use super::passing::{has_body, labelled};
use super::shelf::{Found, Kept, Shelf};
use super::upstream::Upstream;
use crate::body::Body;
use crate::edge::of_the_server;
use crate::flights::Flights;
use crate::measures::Measures;
use crate::problem;
use crate::settings::Limits;
use crate::unshared::Unshared;

pub(super) struct Proxy {
    pub upstream: Upstream,
    pub shelf: Shelf,
    pub flights: Arc<Flights<Landed>>,
    pub unshared: Unshared,
    pub fetches: Semaphore,
    pub limits: Limits,
    pub measures: Measures,
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
            return self.pass(request, target, early, Forward::Method).await;
        }
        if has_body(request.headers()) || is_for_the_origin_alone(request.headers()) {
            return self.pass(request, target, early, Forward::Bypass).await;
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
        let (kept, nothing) = match self.shelf.find(target.as_str(), request.headers()) {
            Found::Kept(kept) => (Some(kept), Forward::UriMiss),
            Found::Others => (None, Forward::VaryMiss),
            Found::Nothing => (None, Forward::UriMiss),
        };
        let now = self.world.now();
        let decision = decide(&wants, kept.as_ref().map(|kept| &kept.stored), nothing, now);
        // A part of what is not kept is passed on as a part: the whole may be many times as large.
        let is_part_of_nothing = kept.is_none() && request.headers().contains_key(RANGE);

        match (decision, kept) {
            (Decision::Fetch(why), _) if is_part_of_nothing => {
                self.pass(request, target, early, why).await
            }
            (Decision::Fetch(why), kept) => {
                let headers = Arc::new(request.into_parts().0.headers);
                let question = Question { target, headers, kept, early: Some(early) };
                if is_head {
                    self.head(question, why).await
                } else {
                    self.fetched(question, &wants, why).await
                }
            }
            (Decision::Serve(hit), Some(kept)) => {
                let status = CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail };
                self.told(&kept, is_head, request.headers(), &status)
            }
            (Decision::ServeAndRefresh(hit), Some(kept)) => {
                let status = CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail };
                let answer = self.told(&kept, is_head, request.headers(), &status);
                self.refresh(target, request.into_parts().0.headers, kept);
                answer
            }
            (Decision::OnlyIfCached, _) | (_, None) => {
                let body = ProblemBody::new(Code::Timeout, "nothing is kept that may be shown");
                problem::of(body, &CacheStatus::Refused, &*self.world)
            }
        }
    }

    fn told(
        &self,
        kept: &Kept,
        is_head: bool,
        request: &HeaderMap,
        status: &CacheStatus,
    ) -> Response<Body> {
        self.measures.answered(status);

        let method = if is_head { &Method::HEAD } else { &Method::GET };
        let asked = Asked { method, headers: request };
        kept.answer(&asked, status, self.world.now())
    }

    /// Asks the origin behind an answer that was given, unless somebody does.
    fn refresh(self: &Arc<Self>, target: PathAndQuery, headers: HeaderMap, kept: Arc<Kept>) {
        let headers = Arc::new(headers);
        let question = Question { target, headers, kept: Some(kept), early: None };
        let key = self.shelf.key_of(question.url(), &question.headers);

        if let (_, Some(pilot)) = self.flights.board(&key, None) {
            drop(self.lead(question, key, pilot));
        }
    }

    async fn fetched(
        self: &Arc<Self>,
        question: Question,
        wants: &RequestDirectives,
        why: Forward,
    ) -> Response<Body> {
        let (headers, stands_in) = (Arc::clone(&question.headers), question.kept.clone());
        let (outcome, collapsed) = self.landing(question, wants).await;
        let forwarded = |status, stored, detail| {
            CacheStatus::Forwarded(Forwarded { why, status, stored, collapsed, detail })
        };

        match outcome {
            Outcome::Kept { kept, is_validated, is_stored, withheld } => {
                let status = forwarded(is_validated.then_some(304), is_stored, None);
                let mut answer = self.told(&kept, false, &headers, &status);
                answer.headers_mut().extend(withheld);
                answer
            }
            Outcome::Passing(response) => {
                let status = forwarded(None, false, None);
                self.measures.answered(&status);
                labelled(response, &status)
            }
            Outcome::Failed(failed) => {
                let now = self.world.now();
                match stands_in.filter(|kept| kept.stored.may_stand_in(now)) {
                    Some(kept) => {
                        let detail = Some(Detail::StaleIfError);
                        let status = forwarded(Some(failed.status()), false, detail);
                        self.told(&kept, false, &headers, &status)
                    }
                    None => self.not_to_be_had(failed, &forwarded(None, false, None)),
                }
            }
        }
    }

    fn not_to_be_had(&self, failed: Failed, status: &CacheStatus) -> Response<Body> {
        match failed {
            Failed::NoAnswer(failure) => self.failed(failure, status),
            // It was withheld for an answer that has become too old meanwhile.
            Failed::Status(_) => self.failed(Failure::Unusable, status),
        }
    }

    /// A HEAD goes on as one, and what it brings changes what is kept (RFC 9111 §4.3.5).
    async fn head(&self, question: Question, why: Forward) -> Response<Body> {
        let epoch = self.shelf.epoch(question.url());
        let requested_at = self.world.now();
        let request = question.request(Method::HEAD, end_to_end(&question.headers));
        let within = self.limits.fetch_within;
        let response = self.upstream.read(request, &question.target, within).await;
        let status = CacheStatus::forwarded(why);
        let response = match response {
            Ok(response) => response,
            Err(failure) => return self.failed(failure, &status),
        };

        if let Some(kept) = &question.kept
            && response.status() == StatusCode::OK
        {
            let brought = Received {
                status: response.status(),
                headers: response.headers().clone(),
                requested_at,
                received_at: self.world.now(),
            };
            if kept.stored.status == StatusCode::OK
                && agrees_with_head(&kept.stored.headers, &brought.headers)
            {
                self.freshen(&question, kept, &brought, |kept| {
                    self.shelf.put(question.url(), kept, &epoch)
                });
            } else {
                self.shelf.invalidate(question.url());
            }
        }
        self.measures.answered(&status);
        self.passed_back(response, &status)
    }

    pub(super) fn failed(&self, failure: Failure, status: &CacheStatus) -> Response<Body> {
        self.measures.failed(failure);
        self.measures.answered(status);
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

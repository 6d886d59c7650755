//! Where each request goes: answered from what is kept, fetched, or passed on.

use std::cell::OnceCell;
use std::rc::Rc;

use domain::{Code, ProblemBody};
use edge_core::cache_status::{Detail, Forward, Forwarded};
use edge_core::fields::Fields;
use edge_core::http::{
    Asked, Decision, Received, RequestDirectives, agrees_with_head, decide, end_to_end,
    is_for_the_origin_alone,
};
use edge_core::{CacheStatus, MaxForwards, OwnRequests, Refusal};
use http::header::RANGE;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Method, StatusCode, Uri};
use wasm_bindgen::JsValue;

use super::fetch::{FETCH_WITHIN, Outcome, Question};
use super::js::headers;
use super::passing::labelled;
use super::shelf::{Found, Kept, Shelf};
use crate::edge::{behind, now, promised};
use crate::js::{self, Context};
use crate::problem::{self, Readers};

pub(crate) struct Proxy {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    pub(super) shelf: Shelf,
    pub(super) own: OwnRequests,
}

/// A request, as a proxy looks at it.
pub(super) struct Asking {
    pub request: JsValue,
    pub method: Method,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
}

thread_local! {
    static PROXY: OnceCell<Option<Rc<Proxy>>> = const { OnceCell::new() };
}

impl Proxy {
    /// Where the bindings name an origin to be one for.
    pub fn of_this_isolate(env: &JsValue) -> Option<Rc<Self>> {
        PROXY.with(|proxy| proxy.get_or_init(|| Self::of(env).map(Rc::new)).clone())
    }

    fn of(env: &JsValue) -> Option<Self> {
        let origin: Uri = js::text(env, "CONFORMANCE_ORIGIN")?.parse().ok()?;
        let parts = origin.into_parts();

        Some(Self {
            scheme: parts.scheme?,
            authority: parts.authority?,
            shelf: Shelf::default(),
            own: OwnRequests::unsigned(js::random()),
        })
    }

    pub fn handle(self: Rc<Self>, request: JsValue, context: Context) -> JsValue {
        match Asking::of(request) {
            Some(asking) => promised(async move { self.answer(asking, &context).await }),
            None => {
                let body = ProblemBody::new(Code::InvalidParameter, "the request names no path");
                problem::of(body, &CacheStatus::Refused, Readers::OurOwn)
            }
        }
    }

    async fn answer(self: &Rc<Self>, asking: Asking, context: &Context) -> JsValue {
        if self.own.include(asking.method.as_str(), &asking.target, &asking.headers, now()) {
            return problem::refused(Refusal::looping(), Readers::OurOwn);
        }
        if MaxForwards::of(asking.method.as_str(), &asking.headers) == MaxForwards::Here {
            return problem::of_the_server();
        }
        let is_read = matches!(asking.method, Method::GET | Method::HEAD);
        if !is_read {
            return self.pass(&asking, Forward::Method).await;
        }
        let has_body = js::get(&asking.request, "body").is_some();
        if has_body || is_for_the_origin_alone(&asking.headers) {
            return self.pass(&asking, Forward::Bypass).await;
        }
        self.read(asking, context).await
    }

    async fn read(self: &Rc<Self>, asking: Asking, context: &Context) -> JsValue {
        let wants = RequestDirectives::of(&asking.headers);
        let (kept, nothing) = match self.shelf.find(&asking.target, &asking.headers) {
            Found::Kept(kept) => (Some(kept), Forward::UriMiss),
            Found::Others => (None, Forward::VaryMiss),
            Found::Nothing => (None, Forward::UriMiss),
        };
        let decision = decide(&wants, kept.as_ref().map(|kept| &kept.stored), nothing, now());
        // A part of what is not kept is passed on as a part: the whole may be many times as large.
        let is_part_of_nothing = kept.is_none() && asking.headers.contains_key(RANGE);

        match (decision, kept) {
            (Decision::Fetch(why), _) if is_part_of_nothing => self.pass(&asking, why).await,
            (Decision::Fetch(why), kept) if asking.method == Method::HEAD => {
                self.head(asking, kept, why).await
            }
            (Decision::Fetch(why), kept) => self.get(asking.question(kept), why).await,
            (Decision::Serve(hit), Some(kept)) => {
                let status = CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail };
                kept.answer(&asking.asked(), &status)
            }
            (Decision::ServeAndRefresh(hit), Some(kept)) => {
                let status = CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail };
                let answer = kept.answer(&asking.asked(), &status);
                if kept.ask(FETCH_WITHIN) {
                    let (proxy, question) = (Rc::clone(self), asking.question(Some(kept)));
                    behind(context, async move { drop(proxy.fetch(&question).await) });
                }
                answer
            }
            (Decision::OnlyIfCached, _) | (_, None) => {
                let body = ProblemBody::new(Code::Timeout, "nothing is kept that may be shown");
                problem::of(body, &CacheStatus::Refused, Readers::OurOwn)
            }
        }
    }

    /// Each request asks for itself: the platform lets none wait for another one's fetch.
    async fn get(&self, question: Question, why: Forward) -> JsValue {
        let asked = Asked { method: &Method::GET, headers: &question.headers };
        let forwarded = |status, stored, detail| {
            CacheStatus::Forwarded(Forwarded { why, status, stored, collapsed: false, detail })
        };

        match self.fetch(&question).await {
            Outcome::Kept { kept, is_validated, is_stored, withheld } => {
                let status = forwarded(is_validated.then_some(304), is_stored, None);
                kept.answer_with(withheld, &asked, &status)
            }
            Outcome::Passing(status, headers, body) => {
                labelled(status, headers, &body, &forwarded(None, false, None))
            }
            Outcome::Failed(failed) => {
                match question.kept.as_ref().filter(|kept| kept.stored.may_stand_in(now())) {
                    Some(kept) => {
                        let detail = Some(Detail::StaleIfError);
                        kept.answer(&asked, &forwarded(Some(failed.status()), false, detail))
                    }
                    None => problem::failed(
                        failed.failure(),
                        &forwarded(None, false, None),
                        None,
                        Readers::OurOwn,
                    ),
                }
            }
        }
    }

    /// A HEAD goes on as one, and what it brings changes what is kept (RFC 9111 §4.3.5).
    async fn head(&self, asking: Asking, kept: Option<Rc<Kept>>, why: Forward) -> JsValue {
        let epoch = self.shelf.epoch(&asking.target);
        let requested_at = now();
        let label = CacheStatus::forwarded(why);
        let sent = self.sent(&asking.request, &asking.target, end_to_end(&asking.headers)).await;
        let (status, headers, body) = match sent {
            Ok(sent) => sent,
            Err(failure) => return problem::failed(failure, &label, None, Readers::OurOwn),
        };

        if let Some(kept) = kept
            && status == StatusCode::OK
        {
            let headers = headers.clone();
            let brought = Received { status, headers, requested_at, received_at: now() };
            if kept.stored.status == StatusCode::OK
                && agrees_with_head(&kept.stored.headers, &brought.headers)
            {
                let question = asking.question(Some(Rc::clone(&kept)));
                self.freshen(&question, &kept, &brought, &epoch);
            } else {
                self.shelf.invalidate(&asking.target);
            }
        }
        labelled(status, end_to_end(&headers), &body, &label)
    }
}

impl Asking {
    fn of(request: JsValue) -> Option<Self> {
        let url = js::text(&request, "url")?;
        let authority = url.find("://")? + 3;
        let path = authority + url[authority..].find('/')?;

        Some(Self {
            method: js::text(&request, "method")?.parse().ok()?,
            target: url[path..].to_owned(),
            headers: headers(&Fields::of_lines(&js::lines_of(&request))),
            request,
        })
    }

    fn asked(&self) -> Asked<'_> {
        Asked { method: &self.method, headers: &self.headers }
    }

    fn question(self, kept: Option<Rc<Kept>>) -> Question {
        Question { target: self.target, headers: self.headers, kept }
    }
}

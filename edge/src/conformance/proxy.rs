//! Where each request goes: answered from the store, fetched, or forwarded.

use std::cell::OnceCell;
use std::rc::Rc;

use domain::{Code, ProblemBody};
use edge_core::cache_status::{Detail, Forward, Forwarded};
use edge_core::fields::Fields;
use edge_core::http::{
    Decision, Received, RequestDirectives, RequestView, agrees_with_head, decide, end_to_end,
    is_for_the_origin_alone,
};
use edge_core::{CacheStatus, MaxForwards, OwnRequests, Refusal};
use http::header::RANGE;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Method, StatusCode, Uri};
use wasm_bindgen::JsValue;

use super::fetch::{FETCH_WITHIN, FetchOutcome, FetchRequest};
use super::forward::with_cache_status;
use super::js::headers;
use super::store::{CacheEntry, Lookup, ResponseStore};
use crate::http::problem::{self, Readers};
use crate::js::{self, Context};
use crate::runtime::{behind, now, promised};

pub(crate) struct Proxy {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    pub(super) store: ResponseStore,
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
            store: ResponseStore::default(),
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
            return self.forward(&asking, Forward::Method).await;
        }
        let has_body = js::get(&asking.request, "body").is_some();
        if has_body || is_for_the_origin_alone(&asking.headers) {
            return self.forward(&asking, Forward::Bypass).await;
        }
        self.read(asking, context).await
    }

    async fn read(self: &Rc<Self>, asking: Asking, context: &Context) -> JsValue {
        let wants = RequestDirectives::of(&asking.headers);
        let (entry, nothing) = match self.store.find(&asking.target, &asking.headers) {
            Lookup::Entry(entry) => (Some(entry), Forward::UriMiss),
            Lookup::OtherVariants => (None, Forward::VaryMiss),
            Lookup::Nothing => (None, Forward::UriMiss),
        };
        let decision = decide(&wants, entry.as_ref().map(|entry| &entry.stored), nothing, now());
        // A part of what is not stored is forwarded as a part: the whole may be many times as
        // large.
        let is_part_of_nothing = entry.is_none() && asking.headers.contains_key(RANGE);

        match (decision, entry) {
            (Decision::Fetch(why), _) if is_part_of_nothing => self.forward(&asking, why).await,
            (Decision::Fetch(why), entry) if asking.method == Method::HEAD => {
                self.head(asking, entry, why).await
            }
            (Decision::Fetch(why), entry) => self.get(asking.question(entry), why).await,
            (Decision::Serve(hit), Some(entry)) => {
                let status = CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail };
                entry.answer(&asking.view(), &status)
            }
            (Decision::ServeAndRefresh(hit), Some(entry)) => {
                let status = CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail };
                let answer = entry.answer(&asking.view(), &status);
                if entry.start_refresh(FETCH_WITHIN) {
                    let (proxy, question) = (Rc::clone(self), asking.question(Some(entry)));
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
    async fn get(&self, question: FetchRequest, why: Forward) -> JsValue {
        let view = RequestView { method: &Method::GET, headers: &question.headers };
        let forwarded = |status, stored, detail| {
            CacheStatus::Forwarded(Forwarded { why, status, stored, collapsed: false, detail })
        };

        match self.fetch(&question).await {
            FetchOutcome::Stored { entry, is_validated, is_stored, withheld } => {
                let status = forwarded(is_validated.then_some(304), is_stored, None);
                entry.answer_with(withheld, &view, &status)
            }
            FetchOutcome::Forwarded(status, headers, body) => {
                with_cache_status(status, headers, &body, &forwarded(None, false, None))
            }
            FetchOutcome::Failed(failed) => {
                match question.entry.as_ref().filter(|entry| entry.stored.may_serve_stale(now())) {
                    Some(entry) => {
                        let detail = Some(Detail::StaleIfError);
                        entry.answer(&view, &forwarded(Some(failed.status()), false, detail))
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

    /// A HEAD is forwarded as one, and its response updates the stored one (RFC 9111 §4.3.5).
    async fn head(&self, asking: Asking, entry: Option<Rc<CacheEntry>>, why: Forward) -> JsValue {
        let epoch = self.store.epoch(&asking.target);
        let requested_at = now();
        let label = CacheStatus::forwarded(why);
        let sent = self.sent(&asking.request, &asking.target, end_to_end(&asking.headers)).await;
        let (status, headers, body) = match sent {
            Ok(sent) => sent,
            Err(failure) => return problem::failed(failure, &label, None, Readers::OurOwn),
        };

        if let Some(entry) = entry
            && status == StatusCode::OK
        {
            let headers = headers.clone();
            let brought = Received { status, headers, requested_at, received_at: now() };
            if entry.stored.status == StatusCode::OK
                && agrees_with_head(&entry.stored.headers, &brought.headers)
            {
                let question = asking.question(Some(Rc::clone(&entry)));
                self.freshen(&question, &entry, &brought, &epoch);
            } else {
                self.store.invalidate(&asking.target);
            }
        }
        with_cache_status(status, end_to_end(&headers), &body, &label)
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

    fn view(&self) -> RequestView<'_> {
        RequestView { method: &self.method, headers: &self.headers }
    }

    fn question(self, entry: Option<Rc<CacheEntry>>) -> FetchRequest {
        FetchRequest { target: self.target, headers: self.headers, entry }
    }
}

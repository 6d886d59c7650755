//! Cached reads: from memory where the rule allows it, else from the data centre, else from the
//! origin.

use std::rc::Rc;

use domain::{CatalogRead, RowId, Timestamp};
use edge_core::cache_status::{Detail, Forward};
use edge_core::decision::{self, Decision, Fetch, Hit, LogAge, LogUse};
use edge_core::fetch::Shown;
use edge_core::{CacheStatus, Key};
use wasm_bindgen::JsValue;

use crate::cache::data_center::DataCenterCache;
use crate::cache::fetch::{FETCH_WITHIN, FetchOutcome, Fill};
use crate::cache::store::CacheEntry;
use crate::edge::Edge;
use crate::http::problem::{self, Readers};
use crate::http::request_view::RequestView;
use crate::js::Context;
use crate::runtime::{behind, log_miss, now};

impl Edge {
    /// The answer, where nothing has to be waited for but the limiter.
    pub(crate) fn try_fast_hit(
        self: &Rc<Self>,
        key: &Key,
        view: &RequestView,
        context: &Context,
    ) -> Option<JsValue> {
        let now = now();
        let log = self.log_age(now);
        if view.token().is_some()
            || log.usage() == LogUse::RefreshFirst
            || self.log.borrow().is_cache_off()
        {
            return None;
        }
        let entry = self.store.borrow().get(key)?;
        let Decision::Serve(hit) = self.decide(&entry, log, now) else { return None };

        if log.usage() == LogUse::UseAndRefresh {
            self.read_on(context, now);
        }
        let response = hit_of(&entry, hit, view, now);
        Some(match &self.settings.rate_limit {
            Some(rate_limit) => rate_limit.hold(response, view),
            None => response,
        })
    }

    pub(crate) async fn read(
        self: &Rc<Self>,
        read: CatalogRead,
        key: Key,
        view: &RequestView,
        context: &Context,
    ) -> JsValue {
        if let Some(rate_limit) = &self.settings.rate_limit
            && !rate_limit.is_within(view).await
        {
            return problem::too_many(&rate_limit.policy);
        }
        match self.written_stamp(view) {
            None => self.read_through(read, key, view, context).await,
            Some(written) => self.for_writer(read, key, &written, view, context).await,
        }
    }

    pub(crate) async fn read_through(
        self: &Rc<Self>,
        read: CatalogRead,
        key: Key,
        view: &RequestView,
        context: &Context,
    ) -> JsValue {
        let log = self.known_log(context).await;
        let fill = Fill::new(read, key, view);
        if self.log.borrow().is_cache_off() {
            let plan = Fetch::alone(Forward::Bypass, Some(Detail::Off));
            return self.fetch_alone(fill, plan, view, context).await;
        }

        let Some(entry) = self.nearest(&fill.key, log).await else {
            return self.fetch_and_respond(fill, decision::without_entry(log), view, context).await;
        };
        let now = now();
        match self.decide(&entry, log, now) {
            Decision::Serve(hit) => hit_of(&entry, hit, view, now),
            Decision::ServeAndRefresh(hit) => {
                let response = hit_of(&entry, hit, view, now);
                let fill = Fill { entry: Some(entry), revalidate: true, ..fill };
                self.refresh(fill, context, now);
                response
            }
            Decision::Fetch(plan) => {
                let (revalidate, refills) = (plan.revalidate, plan.refills);
                let fill = Fill { entry: Some(entry), revalidate, refills, ..fill };
                self.fetch_and_respond(fill, plan, view, context).await
            }
        }
    }

    fn decide(&self, entry: &CacheEntry, log: LogAge, now: Timestamp) -> Decision {
        let verdict = entry.verdict(self.log.borrow().table());

        decision::decide(&entry.meta, verdict, log, now)
    }

    /// The nearest entry that can be served; otherwise one that could be served stale.
    async fn nearest(&self, key: &Key, log: LogAge) -> Option<Rc<CacheEntry>> {
        let here = self.store.borrow().get(key);
        let is_served =
            |entry: &CacheEntry| !matches!(self.decide(entry, log, now()), Decision::Fetch(_));
        if here.as_deref().is_some_and(is_served) {
            return here;
        }

        let data_center = DataCenterCache::new(&self.settings.public_host);
        let Some((there, seen)) = data_center.find(key, self.policy()).await else { return here };
        if !self.is_of_our_past(&seen) {
            return here;
        }
        let there = Rc::new(there);
        if is_served(&there) || here.is_none() {
            self.store.borrow_mut().put(key, &there, self.log.borrow().table());
            return Some(there);
        }
        here
    }

    /// What it holds may have been undone: the log knows whether the row is still to come. Without
    /// the log that is unknown, and age alone decides.
    fn is_of_our_past(&self, seen: &RowId) -> bool {
        let mut log = self.log.borrow_mut();
        log.hear_of(seen);

        log.table().is_none() || log.has_taken(seen)
    }

    /// Refreshes an entry in the background, unless another request does or it has just failed.
    fn refresh(self: &Rc<Self>, fill: Fill, context: &Context, now: Timestamp) {
        if !fill.entry.as_ref().is_some_and(|entry| entry.start_refresh(now, FETCH_WITHIN)) {
            return;
        }
        let (edge, filling) = (Rc::clone(self), context.clone());

        behind(context, async move {
            edge.fill(&fill, &filling).await;
        });
    }

    async fn fetch_and_respond(
        self: &Rc<Self>,
        fill: Fill,
        plan: Fetch,
        view: &RequestView,
        context: &Context,
    ) -> JsValue {
        let stale = fill.entry.clone().filter(|_| plan.may_serve_stale);
        if let Some(entry) = &stale
            && entry.may_serve_stale_unasked(now())
        {
            return send(entry, view, &plan.stale_status(None));
        }

        let outcome = self.fill(&fill, context).await;
        log_miss(fill.key.as_str(), plan.why.as_str(), outcome.name());
        self.respond(outcome, plan, stale, view)
    }

    fn respond(
        &self,
        outcome: FetchOutcome,
        plan: Fetch,
        stale: Option<Rc<CacheEntry>>,
        view: &RequestView,
    ) -> JsValue {
        let (stale, is_stored) = {
            let log = self.log.borrow();
            let judged = stale.map(|entry| {
                let verdict = entry.verdict(log.table());
                (entry, verdict)
            });
            (judged, !log.is_cache_off())
        };
        let (shown, status) = outcome.show(&plan, stale, is_stored, false);

        match shown {
            Shown::Entry(entry) => send(&entry, view, &status),
            Shown::Response(response) => response.send(view, None, &status),
            Shown::Problem(failure) => {
                problem::failed(failure, &status, self.policy(), Readers::AnySite)
            }
        }
    }

    /// Fetches for this request alone.
    pub(crate) async fn fetch_alone(
        self: &Rc<Self>,
        fill: Fill,
        plan: Fetch,
        view: &RequestView,
        context: &Context,
    ) -> JsValue {
        let outcome = self.fill(&fill, context).await;

        self.respond(outcome, plan, None, view)
    }
}

fn hit_of(entry: &CacheEntry, hit: Hit, view: &RequestView, now: Timestamp) -> JsValue {
    let status = CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail };

    entry.response.send(view, Some(entry.meta.age(now)), &status)
}

fn send(entry: &CacheEntry, view: &RequestView, status: &CacheStatus) -> JsValue {
    entry.response.send(view, Some(entry.meta.age(now())), status)
}

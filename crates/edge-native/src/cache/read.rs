//! Cached reads: from memory where the rule allows it, otherwise from the origin, with one fetch for
//! all concurrent requests.

use std::sync::Arc;

use domain::{CatalogRead, Timestamp};
use edge_core::cache_status::{Detail, Forward, Forwarded};
use edge_core::decision::{self, Decision, Fetch, Hit, LogAge, LogUse, Outcome};
use edge_core::{CacheStatus, Encoding, Key};
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, Response};

use crate::cache::fetch::{FetchOutcome, Fill};
use crate::cache::store::CacheEntry;
use crate::edge::Edge;
use crate::http::body::Body;
use crate::http::prepared_response::RequestView;
use crate::http::problem;

impl Edge {
    pub(crate) async fn read_catalog(
        self: &Arc<Self>,
        read: CatalogRead,
        view: RequestView<'_>,
    ) -> Response<Body> {
        let key = Key::new(&read, encoding_of(view.headers));
        match self.written_stamp(view.headers) {
            None => self.read_through(read, key, &view).await,
            Some(written) => Box::pin(self.for_writer(read, key, &written, &view)).await,
        }
    }

    pub(crate) async fn read_through(
        self: &Arc<Self>,
        read: CatalogRead,
        key: Key,
        view: &RequestView<'_>,
    ) -> Response<Body> {
        if self.mode.is_off() {
            let fill = Fill::new(read, key, view.client);
            return Box::pin(self.fetch_alone(fill, Forward::Bypass, Some(Detail::Off), view))
                .await;
        }
        let log = self.log_age().await;
        let now = self.world.now();

        let Some(entry) = self.store.get(&key) else {
            let plan = decision::without_entry(log);
            let fill = Fill::new(read, key, view.client);
            return Box::pin(self.fetch_and_respond(fill, plan, view)).await;
        };
        let verdict = entry.verdict(self.follower.table().table());
        // With the log in reach nothing is shown for its age alone.
        let now = if log.usage() == LogUse::Use { now } else { entry.not_before(now) };
        match decision::decide(&entry.meta, verdict, log, now) {
            Decision::Serve(hit) => self.hit(&entry, hit, view, now),
            Decision::ServeAndRefresh(hit) => {
                let response = self.hit(&entry, hit, view, now);
                self.refresh(Fill::new(read, key, view.client), entry, now);
                response
            }
            Decision::Fetch(plan) => {
                let fill = Fill {
                    entry: Some(entry),
                    revalidate: plan.revalidate,
                    refills: plan.refills,
                    ..Fill::new(read, key, view.client)
                };
                Box::pin(self.fetch_and_respond(fill, plan, view)).await
            }
        }
    }

    /// The age of the change log's copy, after refreshing it if it is too old.
    async fn log_age(&self) -> LogAge {
        let age = LogAge(self.follower.age());

        match age.usage() {
            LogUse::Use => age,
            LogUse::UseAndRefresh => {
                self.follower.kick();
                age
            }
            LogUse::RefreshFirst => {
                Box::pin(self.follower.freshen()).await;
                LogAge(self.follower.age())
            }
        }
    }

    pub(crate) fn hit(
        &self,
        entry: &CacheEntry,
        hit: Hit,
        view: &RequestView<'_>,
        now: Timestamp,
    ) -> Response<Body> {
        let status = CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail };
        self.metrics.count_response(&status);

        entry.response.send(view, Some(entry.meta.age(now)), &status)
    }

    /// Refreshes an entry in the background, unless a fetch is under way or has just failed.
    fn refresh(self: &Arc<Self>, fill: Fill, entry: Arc<CacheEntry>, now: Timestamp) {
        if entry.may_serve_stale_unasked(now) {
            return;
        }
        if let (_, Some(leader)) = self.single_flight.join(fill.key.as_str(), None) {
            self.spawn_fetch(Fill { entry: Some(entry), revalidate: true, ..fill }, leader);
        }
    }

    async fn fetch_and_respond(
        self: &Arc<Self>,
        fill: Fill,
        plan: Fetch,
        view: &RequestView<'_>,
    ) -> Response<Body> {
        let stale = fill.entry.clone().filter(|_| plan.may_serve_stale);
        let key = fill.key.clone();
        if let Some(entry) = &stale
            && entry.may_serve_stale_unasked(self.world.now())
        {
            return self.serve_stale(entry, plan.why, None, view);
        }

        let (outcome, collapsed) = self.fetch_shared(fill).await;
        tracing::info!(
            target: "edge_native::miss",
            key = key.as_str(),
            why = plan.why.as_str(),
            collapsed,
            outcome = outcome.name(),
            "cache miss"
        );
        self.respond(outcome, plan, collapsed, stale.as_deref(), view)
    }

    fn respond(
        &self,
        outcome: FetchOutcome,
        plan: Fetch,
        collapsed: bool,
        stale: Option<&CacheEntry>,
        view: &RequestView<'_>,
    ) -> Response<Body> {
        // A row may have come while the origin was asked, so it is judged once more.
        if let (Some(entry), Some(outcome)) = (stale, outcome.outcome())
            && plan.is_served_stale(outcome, entry.verdict(self.follower.table().table()))
        {
            return self.serve_stale(entry, plan.why, Some(outcome.status()), view);
        }
        let forwarded = |status, stored, detail| {
            let status = CacheStatus::Forwarded(Forwarded {
                why: plan.why,
                status,
                stored,
                collapsed,
                detail,
            });
            self.metrics.count_response(&status);
            status
        };

        match outcome {
            FetchOutcome::Cacheable { entry, is_validated } => {
                let status =
                    forwarded(is_validated.then_some(304), !self.mode.is_off(), plan.detail);
                entry.response.send(view, Some(entry.meta.age(self.world.now())), &status)
            }
            FetchOutcome::Uncacheable { response, detail, .. } => {
                response.send(view, None, &forwarded(None, false, detail.or(plan.detail)))
            }
            FetchOutcome::Failed(failure) => {
                problem::failed(failure, &forwarded(None, false, plan.detail), &*self.world)
            }
        }
    }

    /// RFC 5861 §4: the origin failed, and the stored response is better than an error.
    fn serve_stale(
        &self,
        entry: &CacheEntry,
        why: Forward,
        failed_with: Option<u16>,
        view: &RequestView<'_>,
    ) -> Response<Body> {
        let status = CacheStatus::Forwarded(Forwarded {
            why,
            status: failed_with,
            stored: false,
            collapsed: false,
            detail: Some(Detail::StaleIfError),
        });
        self.metrics.count_response(&status);

        entry.response.send(view, Some(entry.meta.age(self.world.now())), &status)
    }

    /// Fetches for this request alone.
    pub(crate) async fn fetch_alone(
        &self,
        fill: Fill,
        why: Forward,
        detail: Option<Detail>,
        view: &RequestView<'_>,
    ) -> Response<Body> {
        let plan = Fetch { why, revalidate: false, may_serve_stale: false, refills: false, detail };
        let outcome = self.fill(&fill).await;

        self.respond(outcome, plan, false, None, view)
    }
}

impl FetchOutcome {
    const fn name(&self) -> &'static str {
        match self {
            Self::Cacheable { is_validated: true, .. } => "validated",
            Self::Cacheable { .. } => "kept",
            Self::Uncacheable { .. } => "passing",
            Self::Failed(failure) => failure.name(),
        }
    }

    /// `None` where the answer may be kept.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Failed(failure) => Some(Outcome::Failed(*failure)),
            Self::Uncacheable { response, .. } => Some(Outcome::Answered(response.status.as_u16())),
            Self::Cacheable { .. } => None,
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.outcome().is_some_and(Outcome::is_failure)
    }
}

pub(crate) fn encoding_of(headers: &HeaderMap) -> Encoding {
    let mut lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());

    match (lines.next(), lines.next()) {
        (None, _) => Encoding::Identity,
        (Some(only), None) => Encoding::negotiate(only),
        (Some(first), Some(second)) => {
            let joined: Vec<_> = [first, second].into_iter().chain(lines).collect();
            Encoding::negotiate(&joined.join(","))
        }
    }
}

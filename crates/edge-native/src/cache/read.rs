//! Cached reads: from memory where the rule allows it, otherwise from the origin, with one fetch
//! for all concurrent requests.

use std::sync::Arc;

use cache::Follower;
use domain::{CatalogRead, Timestamp};
use edge_core::auth::SigningKey;
use edge_core::cache_status::{Detail, Forward};
use edge_core::decision::{self, Decision, Fetch, Hit, LogAge, LogUse};
use edge_core::fetch::Shown;
use edge_core::{CacheStatus, Encoding, Key};
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, Response};
use ports::World;

use crate::cache::fetch::{FetchOutcome, Fetcher, Fill};
use crate::cache::follow::CacheMode;
use crate::cache::store::{CacheEntry, ResponseStore};
use crate::http::body::Body;
use crate::http::prepared_response::RequestView;
use crate::http::problem;
use crate::metrics::Metrics;

/// The catalogue's cached reads, as this edge answers them.
pub(crate) struct CatalogCache {
    fetcher: Arc<Fetcher>,
    pub(super) follower: Follower,
    pub(super) mode: Arc<CacheMode>,
    pub(super) store: Arc<ResponseStore>,
    pub(super) token_key: Option<SigningKey>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) world: Arc<dyn World>,
}

impl CatalogCache {
    /// `token_key` is the key of read-your-writes tokens; without it they are ignored.
    pub fn new(fetcher: Fetcher, token_key: Option<SigningKey>) -> Self {
        Self {
            follower: fetcher.follower.clone(),
            mode: Arc::clone(&fetcher.mode),
            store: Arc::clone(&fetcher.store),
            metrics: Arc::clone(&fetcher.metrics),
            world: Arc::clone(&fetcher.world),
            fetcher: Arc::new(fetcher),
            token_key,
        }
    }

    pub async fn read(&self, read: CatalogRead, view: RequestView<'_>) -> Response<Body> {
        let key = Key::new(&read, encoding_of(view.headers));
        match self.written_stamp(view.headers) {
            None => self.read_through(read, key, &view).await,
            Some(written) => Box::pin(self.for_writer(read, key, &written, &view)).await,
        }
    }

    pub(super) async fn read_through(
        &self,
        read: CatalogRead,
        key: Key,
        view: &RequestView<'_>,
    ) -> Response<Body> {
        if self.mode.is_off() {
            let fill = Fill::new(read, key, view.client);
            let plan = Fetch::alone(Forward::Bypass, Some(Detail::Off));
            return Box::pin(self.fetch_alone(fill, plan, view)).await;
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
                self.fetcher.refresh(Fill::new(read, key, view.client), entry, now);
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

    fn hit(
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

    async fn fetch_and_respond(
        &self,
        fill: Fill,
        plan: Fetch,
        view: &RequestView<'_>,
    ) -> Response<Body> {
        let stale = fill.entry.clone().filter(|_| plan.may_serve_stale);
        let key = fill.key.clone();
        if let Some(entry) = &stale
            && entry.may_serve_stale_unasked(self.world.now())
        {
            let status = plan.stale_status(None);
            self.metrics.count_response(&status);
            return self.send(entry, view, &status);
        }

        let (outcome, collapsed) = self.fetcher.fetch_shared(fill).await;
        tracing::info!(
            target: "edge_native::miss",
            key = key.as_str(),
            why = plan.why.as_str(),
            collapsed,
            outcome = outcome.name(),
            "cache miss"
        );
        self.respond(outcome, plan, collapsed, stale, view)
    }

    fn respond(
        &self,
        outcome: FetchOutcome,
        plan: Fetch,
        collapsed: bool,
        stale: Option<Arc<CacheEntry>>,
        view: &RequestView<'_>,
    ) -> Response<Body> {
        let table = self.follower.table();
        let stale = stale.map(|entry| {
            let verdict = entry.verdict(table.table());
            (entry, verdict)
        });
        let (shown, status) = outcome.show(&plan, stale, !self.mode.is_off(), collapsed);
        self.metrics.count_response(&status);

        match shown {
            Shown::Entry(entry) => self.send(&entry, view, &status),
            Shown::Response(response) => response.send(view, None, &status),
            Shown::Problem(failure) => problem::failed(failure, &status, &*self.world),
        }
    }

    fn send(
        &self,
        entry: &CacheEntry,
        view: &RequestView<'_>,
        status: &CacheStatus,
    ) -> Response<Body> {
        entry.response.send(view, Some(entry.meta.age(self.world.now())), status)
    }

    /// Fetches for this request alone.
    pub(super) async fn fetch_alone(
        &self,
        fill: Fill,
        plan: Fetch,
        view: &RequestView<'_>,
    ) -> Response<Body> {
        let outcome = self.fetcher.fetch(&fill).await;

        self.respond(outcome, plan, false, None, view)
    }
}

fn encoding_of(headers: &HeaderMap) -> Encoding {
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

//! Asks the origin for a cached read, judges the response, and stores it if it may be stored.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cache::Follower;
use domain::policy::{BROWSER_CACHE_CONTROL, EDGE_CACHE_CONTROL};
use domain::{CatalogRead, RowId, Seq, TagTable, Timestamp};
use edge_core::cache_status::Detail;
use edge_core::fetch::{self, Arrived, AskAgain, CatalogFetch, Step};
use edge_core::{EntryMeta, Failure, Key, decision, headers};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use ports::World;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::cache::follow::CacheMode;
use crate::cache::hit_for_miss::HitForMiss;
use crate::cache::single_flight::SingleFlight;
use crate::cache::store::{CacheEntry, ResponseStore};
use crate::http::prepared_response::PreparedResponse;
use crate::metrics::{Behind, Metrics};
use crate::settings::Limits;
use crate::upstream::origin::{Origin, OriginRequest};
use crate::upstream::whole_response::WholeResponse;

/// What came of asking the origin.
pub(crate) type FetchOutcome = fetch::FetchOutcome<Arc<CacheEntry>, Arc<PreparedResponse>>;

/// A cached read that has to be fetched.
#[derive(Clone)]
pub(crate) struct Fill {
    pub read: CatalogRead,
    pub key: Key,
    /// What is stored and can't be served as it is.
    pub entry: Option<Arc<CacheEntry>>,
    /// Its bytes may still be right: ask with its entity tag.
    pub revalidate: bool,
    /// The position of the client's own last write.
    pub at_least: Option<Seq>,
    /// The client, by whom the origin's rate limit counts.
    pub client: IpAddr,
    /// The stored response was invalidated by the change log.
    pub refills: bool,
}

impl Fill {
    /// Of a read of which nothing is stored.
    pub fn new(read: CatalogRead, key: Key, client: IpAddr) -> Self {
        Self { read, key, entry: None, revalidate: false, at_least: None, client, refills: false }
    }
}

/// Fetches cached reads and stores what may be stored.
pub(crate) struct Fetcher {
    pub origin: Arc<Origin>,
    pub follower: Follower,
    pub(super) mode: Arc<CacheMode>,
    pub(super) store: Arc<ResponseStore>,
    pub(super) single_flight: Arc<SingleFlight<FetchOutcome>>,
    pub(super) hit_for_miss: HitForMiss,
    /// Bounds the concurrent requests to the origin.
    pub(super) places: Semaphore,
    pub limits: Limits,
    pub metrics: Arc<Metrics>,
    pub world: Arc<dyn World>,
}

impl Fetcher {
    pub fn new(
        origin: Arc<Origin>,
        follower: Follower,
        mode: Arc<CacheMode>,
        store: Arc<ResponseStore>,
        limits: Limits,
        world: Arc<dyn World>,
    ) -> Self {
        Self {
            origin,
            follower,
            mode,
            store,
            single_flight: SingleFlight::new(),
            hit_for_miss: HitForMiss::new(),
            places: Semaphore::new(limits.fetches_max),
            limits,
            metrics: Arc::new(Metrics::new()),
            world,
        }
    }

    /// How many responses were behind the change log, see [`crate::Running::behind`].
    pub fn behind(&self) -> Arc<AtomicU64> {
        self.metrics.behind()
    }

    /// Fetches for this request alone. Takes at most twice [`crate::Limits::fetch_within`]: for a
    /// place among the concurrent fetches, and for the responses.
    pub async fn fetch(&self, fill: &Fill) -> FetchOutcome {
        let within = self.limits.fetch_within;
        let outcome = match timeout(within, self.places.acquire()).await {
            Ok(_place) => timeout(within, self.ask(fill)).await.unwrap_or(Err(Failure::Timeout)),
            Err(_) => Err(Failure::Timeout),
        };

        outcome.unwrap_or_else(|failure| {
            self.metrics.count_failure(failure);
            FetchOutcome::Failed(failure)
        })
    }

    async fn ask(&self, fill: &Fill) -> Result<FetchOutcome, Failure> {
        let stored = fill.entry.as_deref().filter(|_| fill.revalidate);
        let validates = stored.map(|entry| entry.response.status.as_u16());
        let (resource, min_seq) = (fill.read.resource(), self.required_seq(fill));
        let mut fetch = CatalogFetch::start(&fill.key, resource, min_seq, validates);

        loop {
            let request = OriginRequest {
                target: fetch.target(),
                encoding: fetch.encoding(),
                min_seq: fetch.min_seq(),
                validator: stored
                    .filter(|_| fetch.is_conditional())
                    .and_then(|entry| entry.response.etag()),
                client: Some(fill.client),
                refills: fill.refills,
            };
            let asked_at = self.world.now();
            let limits = &self.limits;
            let (bytes_max, within) = (limits.cached_body_max, limits.fetch_within);
            let whole = self.origin.read(request, bytes_max, within).await?;
            if let Some(seen) = seen(&whole) {
                self.follower.hear_of(&seen);
            }
            let arrived = Arrived {
                status: whole.status.as_u16(),
                fields: &whole.headers,
                is_complete: whole.is_complete,
            };
            // Judged and stored by one state of the table.
            let table = self.follower.table();

            match fetch.on_response(arrived, table.table(), || self.world.random()) {
                Step::Ask(AskAgain::ForNewer) => self.metrics.count_behind(Behind::AskedAgain),
                Step::Ask(AskAgain::Unconditionally | AskAgain::ForPlainBytes) => {}
                Step::Store { storable, is_validated } => {
                    let meta = storable.into_meta(asked_at, self.world.random() as u64);
                    let unchanged = stored.filter(|_| is_validated);
                    let response = cacheable(&whole, unchanged, asked_at);
                    let entry = self.keep(fill, meta, response, table.table());
                    return Ok(FetchOutcome::Cacheable { entry, is_validated });
                }
                Step::Show { detail, is_shareable, is_validated } => {
                    let unchanged = stored.filter(|_| is_validated);
                    let response = self.shown_once(whole, unchanged, detail, asked_at);
                    let status = response.status.as_u16();
                    return Ok(FetchOutcome::Uncacheable {
                        response: Arc::new(response),
                        status,
                        detail,
                        is_shareable,
                    });
                }
                Step::Fail(error) => {
                    tracing::warn!(key = fill.key.as_str(), %error, "a fetch failed");
                    return Err(error.failure());
                }
            }
        }
    }

    fn shown_once(
        &self,
        whole: WholeResponse,
        unchanged: Option<&CacheEntry>,
        detail: Option<Detail>,
        asked_at: Timestamp,
    ) -> PreparedResponse {
        if detail == Some(Detail::Behind) {
            self.metrics.count_behind(Behind::Shown);
        }
        if detail.is_none() {
            return uncacheable(whole, unchanged);
        }
        // The origin may know of a row that this edge has not read yet.
        self.follower.kick();
        cacheable(&whole, unchanged, asked_at)
    }

    fn required_seq(&self, fill: &Fill) -> Option<Seq> {
        let table = self.follower.table();
        let entry = fill.entry.as_ref().map(|entry| &entry.meta);

        decision::required_seq(table.table(), entry, &fill.read).max(fill.at_least)
    }

    fn keep(
        &self,
        fill: &Fill,
        meta: EntryMeta,
        response: PreparedResponse,
        table: Option<&TagTable>,
    ) -> Arc<CacheEntry> {
        let entry = Arc::new(CacheEntry::new(meta, response, table.map(TagTable::position)));
        if !self.mode.is_off() {
            self.store.put(&fill.key, &entry, table);
        }
        entry
    }
}

/// The newest row that the origin had taken when it answered.
fn seen(whole: &WholeResponse) -> Option<RowId> {
    whole.headers.get(headers::SEEN)?.to_str().ok()?.parse().ok()
}

fn cacheable(
    whole: &WholeResponse,
    unchanged: Option<&CacheEntry>,
    now: Timestamp,
) -> PreparedResponse {
    match unchanged {
        Some(entry) => entry.response.validated(&whole.headers),
        None => PreparedResponse::cacheable(whole, now),
    }
}

fn uncacheable(mut whole: WholeResponse, unchanged: Option<&CacheEntry>) -> PreparedResponse {
    if let Some(entry) = unchanged {
        return entry.response.validated(&whole.headers);
    }
    if let Some(told) = whole.headers.get_mut(CACHE_CONTROL)
        && told.as_bytes() == EDGE_CACHE_CONTROL.as_bytes()
    {
        *told = HeaderValue::from_static(BROWSER_CACHE_CONTROL);
    }
    PreparedResponse::uncacheable(whole)
}

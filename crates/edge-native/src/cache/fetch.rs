//! Asks the origin for a cached read, judges the response, and stores it if it may be stored.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use domain::policy::{BROWSER_CACHE_CONTROL, EDGE_CACHE_CONTROL};
use domain::{CatalogRead, RowId, Seq, TagTable, Timestamp};
use edge_core::cache_status::Detail;
use edge_core::origin_response::{Disposition, OriginResponse};
use edge_core::{Encoding, EntryMeta, Failure, Key, decision, headers, unique};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use tokio::time::timeout;

use crate::cache::store::CacheEntry;
use crate::edge::Edge;
use crate::http::prepared_response::PreparedResponse;
use crate::metrics::Behind;
use crate::upstream::origin::{OriginRequest, WholeResponse};

/// What came of asking the origin.
#[derive(Clone)]
pub(crate) enum FetchOutcome {
    /// A response that may be stored.
    Cacheable {
        entry: Arc<CacheEntry>,
        /// The origin confirmed the stored bytes with a 304.
        is_validated: bool,
    },
    /// One that is shown and not stored.
    Uncacheable {
        response: Arc<PreparedResponse>,
        detail: Option<Detail>,
        /// Concurrent requests for the same key may be answered with it as well.
        is_shareable: bool,
    },
    Failed(Failure),
}

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

impl Edge {
    /// Asks once, and once more if the answer is older than what is known of its tags. Takes at
    /// most twice [`crate::Limits::fetch_within`]: for its turn and for the answers.
    pub(crate) async fn fill(&self, fill: &Fill) -> FetchOutcome {
        let within = self.limits.fetch_within;
        let outcome = match timeout(within, self.fetches.acquire()).await {
            Ok(_turn) => timeout(within, self.ask(fill)).await.unwrap_or(Err(Failure::Timeout)),
            Err(_) => Err(Failure::Timeout),
        };

        outcome.unwrap_or_else(|failure| {
            self.metrics.count_failure(failure);
            FetchOutcome::Failed(failure)
        })
    }

    async fn ask(&self, fill: &Fill) -> Result<FetchOutcome, Failure> {
        let mut validated = fill.entry.clone().filter(|_| fill.revalidate);
        let mut min_seq = self.required_seq(fill);
        let mut encoding = fill.key.encoding;
        let mut again = false;
        let mut target = Cow::Borrowed(fill.key.target());

        loop {
            let ask = OriginRequest {
                target: &target,
                encoding,
                min_seq,
                validator: validated.as_ref().and_then(|entry| entry.response.etag()),
                client: Some(fill.client),
                refills: fill.refills,
            };
            let asked_at = self.world.now();
            let limits = &self.limits;
            let whole = self.origin.read(ask, limits.cached_body_max, limits.fetch_within).await?;
            if let Some(seen) = seen(&whole) {
                self.follower.hear_of(&seen);
            }
            // What a 304 is about.
            let unchanged =
                validated.as_deref().filter(|_| whole.status == StatusCode::NOT_MODIFIED);
            let received = OriginResponse {
                status: whole.status.as_u16(),
                fields: &whole.headers,
                is_complete: whole.is_complete,
                resource: fill.read.resource(),
                encoding,
                validated: validated.as_ref().map(|entry| entry.response.status.as_u16()),
                again,
            };
            // Judged and kept by one state of the table.
            let table = self.follower.table();

            match received.judge(table.table()) {
                Disposition::Store(storable) => {
                    let meta = storable.into_meta(asked_at, self.world.random() as u64);
                    let is_validated = unchanged.is_some();
                    let entry = self.keep(
                        fill,
                        meta,
                        cacheable(&whole, unchanged, asked_at),
                        table.table(),
                    );
                    return Ok(FetchOutcome::Cacheable { entry, is_validated });
                }
                Disposition::Show { detail: None, is_shareable } => {
                    let response = Arc::new(uncacheable(whole, unchanged));
                    return Ok(FetchOutcome::Uncacheable { response, detail: None, is_shareable });
                }
                Disposition::Show { detail, is_shareable } => {
                    if detail == Some(Detail::Behind) {
                        self.metrics.count_behind(Behind::Shown);
                    }
                    // What it knows and we don't may be a row that we have not read yet.
                    self.follower.kick();
                    let response = Arc::new(cacheable(&whole, unchanged, asked_at));
                    return Ok(FetchOutcome::Uncacheable { response, detail, is_shareable });
                }
                Disposition::AskWhole => validated = None,
                Disposition::AskPlain => encoding = Encoding::Identity,
                Disposition::AskAgain { min_seq: required } => {
                    self.metrics.count_behind(Behind::AskedAgain);
                    min_seq = Some(required);
                    // The old answer may be that of a cache on the way.
                    target = unique(fill.key.target(), self.world.random()).into();
                    again = true;
                }
                Disposition::Foreign => {
                    let status = whole.status.as_u16();
                    tracing::warn!(
                        key = fill.key.as_str(),
                        status,
                        "the answer is not the origin's"
                    );
                    return Err(Failure::Foreign(status));
                }
                Disposition::Unusable(why) => {
                    tracing::warn!(key = fill.key.as_str(), %why, "the answer is unusable");
                    return Err(Failure::Unusable);
                }
            }
        }
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

//! The fast path to a hit: a request whose target is a stored key needs no parsing.
//!
//! A key is its read's canonical text, which parses to the same read and to no other
//! (`crates/edge-core/tests/keys.rs`), so one lookup with the target as it was received finds the
//! response. Whatever is not a plain, current hit is left to hyper and decided there.

use std::sync::Arc;

use domain::Timestamp;
use edge_core::CacheStatus;
use edge_core::decision::{self, Decision, Hit, LogAge, LogUse};

use crate::cache::read::CatalogCache;
use crate::cache::store::{CacheEntry, RawKey};
use crate::http::head::FastRequest;

/// A stored response that may be sent as it is.
pub(crate) struct FastHit {
    pub entry: Arc<CacheEntry>,
    pub hit: Hit,
    pub now: Timestamp,
}

impl CatalogCache {
    /// The response to `head`, if nothing has to be waited for. Nothing is counted yet.
    pub fn fast_hit(&self, head: &FastRequest<'_>) -> Option<FastHit> {
        let log = LogAge(self.follower.age());
        if self.mode.is_off() || log.usage() != LogUse::Use {
            return None;
        }
        let entry = self.store.get_raw(&RawKey { target: head.target, encoding: head.encoding })?;
        entry.response.touch();
        let now = self.world.now();
        let verdict = entry.verdict(self.follower.table().table());

        match decision::decide(&entry.meta, verdict, log, now) {
            Decision::Serve(hit) => Some(FastHit { entry, hit, now }),
            Decision::ServeAndRefresh(_) | Decision::Fetch(_) => None,
        }
    }

    /// A fast hit is about to be sent.
    pub fn count_fast_hit(&self, hit: Hit) {
        self.metrics.count_response(&CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail });
    }
}

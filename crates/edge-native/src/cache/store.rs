//! The stored responses: bounded by bytes, each judged by the change log at every use.

use std::collections::hash_map::RandomState;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::coherence::Verdict;
use domain::{Seq, TagHash, TagTable, Timestamp};
use edge_core::pause::{FAILURE_PAUSE, is_before};
use edge_core::{Encoding, EntryMeta, Key, ValidUpTo, decision};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, OptionsBuilder, Weighter};
use tokio::time::Instant;

use crate::http::prepared_response::PreparedResponse;

pub(crate) struct CacheEntry {
    pub meta: EntryMeta,
    pub response: PreparedResponse,
    /// A [`ValidUpTo`], as its count: it never goes back.
    valid_up_to: AtomicU64,
    /// Until when it is served stale without asking the origin, in milliseconds of the epoch.
    serve_stale_until: AtomicU64,
    /// When it was stored, by the monotonic clock.
    since: Instant,
}

pub(crate) struct ResponseStore {
    entries: Cache<StoredKey, Arc<CacheEntry>, Bytes, RandomState>,
    /// Makes looking at the present entry and replacing it one step.
    puts: Mutex<()>,
}

/// The key of a stored response.
#[derive(PartialEq, Eq)]
struct StoredKey {
    target: Box<str>,
    encoding: Encoding,
}

/// A target as it was received, looked up without parsing it. It finds what is stored under the key
/// with this canonical text, and nothing for a target that is not canonical.
#[derive(Hash)]
pub(crate) struct RawKey<'a> {
    pub target: &'a str,
    pub encoding: Encoding,
}

#[derive(Clone)]
struct Bytes;

/// What an entry takes beside its key, tags and response: allocations and the cache's bookkeeping.
const OVERHEAD_BYTES: usize = 512;
/// As most entries take, to begin with; the cache grows.
const ITEM_BYTES: u64 = 4 << 10;
/// Several for each core of a large machine.
const SHARDS_MAX: usize = 256;
/// Wall clock and monotonic clock drift apart by less than the second in which ages are given.
const CLOCK_SLACK: Duration = Duration::from_secs(1);

impl CacheEntry {
    pub fn new(meta: EntryMeta, response: PreparedResponse, valid_at: Option<Seq>) -> Self {
        Self {
            meta,
            response,
            valid_up_to: AtomicU64::new(ValidUpTo::at(valid_at).to_count()),
            serve_stale_until: AtomicU64::new(0),
            since: Instant::now(),
        }
    }

    /// One compare, when it was judged at the table's position before.
    pub fn verdict(&self, table: Option<&TagTable>) -> Verdict {
        let valid_up_to = ValidUpTo::of_count(self.valid_up_to.load(Ordering::Acquire));
        let (verdict, after) = valid_up_to.verdict(&self.meta, table);

        if after != valid_up_to {
            self.valid_up_to.fetch_max(after.to_count(), Ordering::AcqRel);
        }
        verdict
    }

    /// `now`, unless the clock was set back: an entry's age never decreases.
    pub fn not_before(&self, now: Timestamp) -> Timestamp {
        now.max(self.meta.stored_at.plus(self.since.elapsed().saturating_sub(CLOCK_SLACK)))
    }

    pub fn may_serve_stale_unasked(&self, now: Timestamp) -> bool {
        let until = Timestamp::from_millis(self.serve_stale_until.load(Ordering::Relaxed));

        is_before(now, until, FAILURE_PAUSE)
    }

    /// The origin failed just now: for a second this entry is served stale without asking it again.
    pub fn note_failure(&self, now: Timestamp) {
        self.serve_stale_until.store(now.plus(FAILURE_PAUSE).as_millis(), Ordering::Relaxed);
    }
}

impl ResponseStore {
    /// For `capacity_bytes` of responses, none with a body of more than `body_max` bytes.
    pub fn new(capacity_bytes: u64, body_max: usize) -> Self {
        let items = usize::try_from(capacity_bytes / ITEM_BYTES).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(items)
            .weight_capacity(capacity_bytes)
            .shards(shards(capacity_bytes, body_max))
            .build()
            .expect("both capacities are given");
        let (hashes, lifecycle) = (RandomState::new(), DefaultLifecycle::default());

        Self {
            entries: Cache::with_options(options, Bytes, hashes, lifecycle),
            puts: Mutex::default(),
        }
    }

    pub fn get(&self, key: &Key) -> Option<Arc<CacheEntry>> {
        self.get_raw(&RawKey { target: key.target(), encoding: key.encoding })
    }

    pub fn clear(&self) {
        self.entries.clear();
    }

    pub fn get_raw(&self, raw: &RawKey<'_>) -> Option<Arc<CacheEntry>> {
        self.entries.get(raw)
    }

    /// Stores a response, unless a newer one of the same log is there and still valid.
    pub fn put(&self, key: &Key, entry: &Arc<CacheEntry>, table: Option<&TagTable>) {
        let raw = RawKey { target: key.target(), encoding: key.encoding };
        let stays = |present: &Arc<CacheEntry>| {
            decision::is_outranked(&entry.meta.stamp, &present.meta, present.verdict(table))
        };
        // A panic under the lock leaves nothing half done.
        let _puts = self.puts.lock().unwrap_or_else(PoisonError::into_inner);

        if !self.entries.peek(&raw).is_some_and(|present| stays(&present)) {
            let stored = StoredKey { target: key.target().into(), encoding: key.encoding };
            self.entries.insert(stored, Arc::clone(entry));
        }
    }
}

/// Each has a lock, so that many cores seldom want the same, and room for two of the largest
/// answers, or it would keep none.
fn shards(capacity_bytes: u64, body_max: usize) -> usize {
    let largest = (2 * body_max).max(1) as u64;
    let fitting = usize::try_from(capacity_bytes / largest).unwrap_or(usize::MAX);

    // A power of two, as the cache would make of it, but never more.
    1 << fitting.clamp(1, SHARDS_MAX).ilog2()
}

impl Hash for StoredKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        RawKey { target: &self.target, encoding: self.encoding }.hash(state);
    }
}

impl Equivalent<StoredKey> for RawKey<'_> {
    fn equivalent(&self, stored: &StoredKey) -> bool {
        self.encoding == stored.encoding && *self.target == *stored.target
    }
}

impl Weighter<StoredKey, Arc<CacheEntry>> for Bytes {
    fn weight(&self, key: &StoredKey, entry: &Arc<CacheEntry>) -> u64 {
        let tags = size_of::<TagHash>() * entry.meta.tags.len();

        (OVERHEAD_BYTES + key.target.len() + tags + entry.response.size_bytes()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shard_has_room_for_the_largest_answers() {
        for (capacity_mb, shards_expected) in
            [(0, 1), (1, 1), (16, 1), (64, 4), (100, 4), (1 << 20, 256)]
        {
            let shards = shards(capacity_mb << 20, 8 << 20);

            assert_eq!(shards, shards_expected, "{capacity_mb} MB");
        }
        assert_eq!(shards(64 << 20, 0), 256);
    }
}

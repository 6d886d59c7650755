//! The answers in this isolate's memory: bounded by bytes, each judged by the change log at every
//! use. An isolate may end at any moment, and all of it with it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use domain::coherence::Verdict;
use domain::{Seq, TagHash, TagTable, Timestamp};
use edge_core::pause::{FAILURE_PAUSE, is_before};
use edge_core::{EntryMeta, Key, ValidUpTo, decision};
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use crate::http::prepared_response::PreparedResponse;

pub(crate) struct CacheEntry {
    pub meta: EntryMeta,
    pub response: PreparedResponse,
    valid_up_to: Cell<ValidUpTo>,
    /// Until when it is served stale without asking the origin.
    serve_stale_until: Cell<Timestamp>,
    /// Until when a request is assumed to be refreshing it.
    refreshing_until: Cell<Timestamp>,
}

pub(crate) struct ResponseStore {
    entries: Cache<Box<str>, Rc<CacheEntry>, Bytes>,
}

#[derive(Clone)]
struct Bytes;

/// What an entry takes beside its key, tags and answer: the allocations and the cache's own.
const OVERHEAD_BYTES: usize = 512;
/// As most answers have, to begin with; the cache grows.
const ITEM_BYTES: u64 = 4 << 10;

impl CacheEntry {
    pub fn new(meta: EntryMeta, response: PreparedResponse, valid_at: Option<Seq>) -> Self {
        Self {
            meta,
            response,
            valid_up_to: Cell::new(ValidUpTo::at(valid_at)),
            serve_stale_until: Cell::default(),
            refreshing_until: Cell::default(),
        }
    }

    pub fn verdict(&self, table: Option<&TagTable>) -> Verdict {
        let (verdict, valid_up_to) = self.valid_up_to.get().verdict(&self.meta, table);
        self.valid_up_to.set(valid_up_to);
        verdict
    }

    pub fn may_serve_stale_unasked(&self, now: Timestamp) -> bool {
        is_before(now, self.serve_stale_until.get(), FAILURE_PAUSE)
    }

    /// The origin failed just now.
    pub fn note_failure(&self, now: Timestamp) {
        self.serve_stale_until.set(now.plus(FAILURE_PAUSE));
    }

    /// Whether no request is refreshing it; the caller is from now on, for at most `within`.
    pub fn start_refresh(&self, now: Timestamp, within: Duration) -> bool {
        let is_asked = is_before(now, self.refreshing_until.get(), within);
        let is_free = !is_asked && !self.may_serve_stale_unasked(now);
        if is_free {
            self.refreshing_until.set(now.plus(within));
        }
        is_free
    }
}

impl ResponseStore {
    pub fn new(capacity_bytes: u64) -> Self {
        let items = usize::try_from(capacity_bytes / ITEM_BYTES).unwrap_or(usize::MAX);

        Self { entries: Cache::with_weighter(items, capacity_bytes, Bytes) }
    }

    pub fn get(&self, key: &Key) -> Option<Rc<CacheEntry>> {
        self.entries.get(key.as_str()).cloned()
    }

    /// Of a log that is gone, and may come back under its name.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Puts an answer there, unless a newer one of the same log is, which the table calls valid.
    pub fn put(&mut self, key: &Key, entry: &Rc<CacheEntry>, table: Option<&TagTable>) {
        let stays = |present: &Rc<CacheEntry>| {
            decision::is_outranked(&entry.meta.stamp, &present.meta, present.verdict(table))
        };

        if !self.entries.peek(key.as_str()).is_some_and(stays) {
            self.entries.insert(key.as_str().into(), Rc::clone(entry));
        }
    }
}

impl Weighter<Box<str>, Rc<CacheEntry>> for Bytes {
    fn weight(&self, key: &Box<str>, entry: &Rc<CacheEntry>) -> u64 {
        let tags = size_of::<TagHash>() * entry.meta.tags.len();

        (OVERHEAD_BYTES + 2 * key.len() + tags + entry.response.size_bytes()) as u64
    }
}

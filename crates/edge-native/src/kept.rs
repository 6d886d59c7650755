//! The answers that are kept: bounded by bytes, each judged by the change log at every use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::coherence::Verdict;
use domain::{Seq, TagHash, TagTable, Timestamp};
use edge_core::pause::{FAILURE_PAUSE, is_before};
use edge_core::{Entry, Key, Known, decision};
use moka::ops::compute::Op;
use moka::sync::Cache;
use tokio::time::Instant;

use crate::answer::Answer;

pub(crate) struct Kept {
    pub entry: Entry,
    pub answer: Answer,
    /// A [`Known`], as its count: it never goes back.
    known: AtomicU64,
    /// Until when it stands in without the origin being asked, in milliseconds of the epoch.
    stands_in_until: AtomicU64,
    /// When it was filled, by the clock that nobody sets.
    since: Instant,
}

#[derive(Clone)]
pub(crate) struct Shelf {
    entries: Cache<Arc<str>, Arc<Kept>>,
}

/// What an entry takes beside its key, tags and answer: the allocations and the cache's own.
const OVERHEAD_BYTES: usize = 512;
/// Two clocks never agree; what is told in seconds need not either.
const CLOCK_SLACK: Duration = Duration::from_secs(1);

impl Kept {
    pub fn new(entry: Entry, answer: Answer, known_at: Option<Seq>) -> Self {
        Self {
            entry,
            answer,
            known: AtomicU64::new(Known::at(known_at).to_count()),
            stands_in_until: AtomicU64::new(0),
            since: Instant::now(),
        }
    }

    /// One compare, when it was judged at the table's position before.
    pub fn verdict(&self, table: Option<&TagTable>) -> Verdict {
        let known = Known::of_count(self.known.load(Ordering::Acquire));
        let (verdict, after) = known.verdict(&self.entry, table);

        if after != known {
            self.known.fetch_max(after.to_count(), Ordering::AcqRel);
        }
        verdict
    }

    /// `now`, unless the clock was set back: what is kept does not grow younger.
    pub fn not_before(&self, now: Timestamp) -> Timestamp {
        now.max(self.entry.stored_at.plus(self.since.elapsed().saturating_sub(CLOCK_SLACK)))
    }

    pub fn may_stand_in_unasked(&self, now: Timestamp) -> bool {
        let until = Timestamp::from_millis(self.stands_in_until.load(Ordering::Relaxed));

        is_before(now, until, FAILURE_PAUSE)
    }

    /// The origin failed just now: for a second it is not asked again for this.
    pub fn stand_in(&self, now: Timestamp) {
        self.stands_in_until.store(now.plus(FAILURE_PAUSE).as_millis(), Ordering::Relaxed);
    }

    fn weight(&self, key: &str) -> u32 {
        let tags = size_of::<TagHash>() * self.entry.tags.len();
        let bytes = OVERHEAD_BYTES + key.len() + tags + self.answer.size_bytes();

        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

impl Shelf {
    pub fn new(capacity_bytes: u64) -> Self {
        let entries = Cache::builder()
            .max_capacity(capacity_bytes)
            .weigher(|key: &Arc<str>, kept: &Arc<Kept>| kept.weight(key))
            .build();

        Self { entries }
    }

    pub fn get(&self, key: &Key) -> Option<Arc<Kept>> {
        self.entries.get(key.as_str())
    }

    /// Puts an answer there, unless a newer one of the same log is, which the table calls valid.
    pub fn put(&self, key: &Key, kept: &Arc<Kept>, table: Option<&TagTable>) {
        let stays = |present: &Kept| {
            decision::is_outranked(&kept.entry.stamp, &present.entry, present.verdict(table))
        };

        self.entries.entry(key.as_str().into()).and_compute_with(|present| match present {
            Some(present) if stays(present.value()) => Op::Nop,
            _ => Op::Put(Arc::clone(kept)),
        });
    }
}

//! The answers that are kept: bounded by bytes, each judged by the change log at every use.

use std::collections::hash_map::RandomState;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::coherence::Verdict;
use domain::{Seq, TagHash, TagTable, Timestamp};
use edge_core::pause::{FAILURE_PAUSE, is_before};
use edge_core::{Encoding, Entry, Key, Known, decision};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, OptionsBuilder, Weighter};
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

pub(crate) struct Shelf {
    entries: Cache<Spelling, Arc<Kept>, Bytes, RandomState>,
    /// Whoever puts something there has first seen what it takes the place of.
    puts: Mutex<()>,
}

/// A key that is kept.
#[derive(PartialEq, Eq)]
struct Spelling {
    target: Box<str>,
    encoding: Encoding,
}

/// The key of whatever has just this spelling, if that is one's canonical spelling; no key has
/// another, so it finds nothing else.
#[derive(Hash)]
pub(crate) struct Spelt<'a> {
    pub target: &'a str,
    pub encoding: Encoding,
}

#[derive(Clone)]
struct Bytes;

/// What an entry takes beside its key, tags and answer: the allocations and the cache's own.
const OVERHEAD_BYTES: usize = 512;
/// As most entries take, to begin with; the cache grows.
const ITEM_BYTES: u64 = 4 << 10;
/// Several for each core of a large machine.
const SHARDS_MAX: usize = 256;
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
}

impl Shelf {
    /// Room for answers of together so many bytes, none with a body of more than `body_max`.
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

    pub fn get(&self, key: &Key) -> Option<Arc<Kept>> {
        self.spelt(&Spelt { target: key.target(), encoding: key.encoding })
    }

    pub fn clear(&self) {
        self.entries.clear();
    }

    pub fn spelt(&self, spelt: &Spelt<'_>) -> Option<Arc<Kept>> {
        self.entries.get(spelt)
    }

    /// Puts an answer there, unless a newer one of the same log is, which the table calls valid.
    pub fn put(&self, key: &Key, kept: &Arc<Kept>, table: Option<&TagTable>) {
        let spelt = Spelt { target: key.target(), encoding: key.encoding };
        let stays = |present: &Arc<Kept>| {
            decision::is_outranked(&kept.entry.stamp, &present.entry, present.verdict(table))
        };
        // Nothing that panics leaves the shelf in between.
        let _puts = self.puts.lock().unwrap_or_else(PoisonError::into_inner);

        if !self.entries.peek(&spelt).is_some_and(|present| stays(&present)) {
            let spelling = Spelling { target: key.target().into(), encoding: key.encoding };
            self.entries.insert(spelling, Arc::clone(kept));
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

impl Hash for Spelling {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Spelt { target: &self.target, encoding: self.encoding }.hash(state);
    }
}

impl Equivalent<Spelling> for Spelt<'_> {
    fn equivalent(&self, spelling: &Spelling) -> bool {
        self.encoding == spelling.encoding && *self.target == *spelling.target
    }
}

impl Weighter<Spelling, Arc<Kept>> for Bytes {
    fn weight(&self, key: &Spelling, kept: &Arc<Kept>) -> u64 {
        let tags = size_of::<TagHash>() * kept.entry.tags.len();

        (OVERHEAD_BYTES + key.target.len() + tags + kept.answer.size_bytes()) as u64
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

//! The answers that are kept: bounded by bytes, each judged by the change log at every use.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::coherence::Verdict;
use domain::{CatalogRead, Seq, TagHash, TagTable, Timestamp};
use edge_core::{Encoding, Entry, decision};
use moka::ops::compute::Op;
use moka::sync::Cache;
use tokio::time::Instant;

use crate::answer::Answer;

pub(crate) struct Kept {
    pub entry: Entry,
    pub answer: Answer,
    /// One more than the position at which it was last found valid; an entry that is valid at a
    /// position counts as stamped with it. Zero: it was filled while nothing was known of the log.
    judged: AtomicU64,
    /// Until when it stands in without the origin being asked, in milliseconds of the epoch.
    stands_in_until: AtomicU64,
    /// When it was filled, by the clock that nobody sets.
    since: Instant,
}

/// The key of an answer: its canonical request and its encoding.
#[derive(Clone)]
pub(crate) struct Key {
    text: String,
    target_len: usize,
    pub encoding: Encoding,
}

#[derive(Clone)]
pub(crate) struct Shelf {
    entries: Cache<Arc<str>, Arc<Kept>>,
}

/// What an entry takes beside its key, tags and answer: the allocations and the cache's own.
const OVERHEAD_BYTES: usize = 512;
/// Two clocks never agree; what is told in seconds need not either.
const CLOCK_SLACK: Duration = Duration::from_secs(1);
/// After a failure an answer stands in for so long before the origin is asked for it again.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

impl Kept {
    pub fn new(entry: Entry, answer: Answer, known_at: Option<Seq>) -> Self {
        Self {
            entry,
            answer,
            judged: AtomicU64::new(known_at.map_or(0, |seq| seq.0 + 1)),
            stands_in_until: AtomicU64::new(0),
            since: Instant::now(),
        }
    }

    /// One compare, when it was judged at the table's position before.
    pub fn verdict(&self, table: Option<&TagTable>) -> Verdict {
        let judged = self.judged.load(Ordering::Acquire).checked_sub(1).map(Seq);
        let verdict = decision::verdict(&self.entry, judged, table);

        if let Some(table) = table
            && verdict.is_valid()
            && judged != Some(table.position())
        {
            self.judged.fetch_max(table.position().0 + 1, Ordering::AcqRel);
        }
        verdict
    }

    /// `now`, unless the clock was set back: what is kept does not grow younger.
    pub fn not_before(&self, now: Timestamp) -> Timestamp {
        now.max(self.entry.stored_at.plus(self.since.elapsed().saturating_sub(CLOCK_SLACK)))
    }

    pub fn may_stand_in_unasked(&self, now: Timestamp) -> bool {
        let until = Timestamp::from_millis(self.stands_in_until.load(Ordering::Relaxed));

        // A clock that was set back makes no pause longer.
        until > now && until.since(now) <= FAILURE_PAUSE
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

impl Key {
    pub fn new(read: &CatalogRead, encoding: Encoding) -> Self {
        // Longer than most keys, so that they are written without growing.
        let mut text = String::with_capacity(96);
        write!(text, "{read}").expect("a string takes every text");

        Self::of(text, encoding)
    }

    /// The key of whatever has just this spelling, if that is one's canonical spelling; no key has
    /// another, so it finds nothing else.
    pub fn spelt(target: &str, encoding: Encoding) -> Self {
        let mut text = String::with_capacity(target.len() + 9);
        text.push_str(target);

        Self::of(text, encoding)
    }

    fn of(mut text: String, encoding: Encoding) -> Self {
        let target_len = text.len();
        // No request line's target holds a blank.
        text.push(' ');
        text.push_str(encoding.as_str());

        Self { text, target_len, encoding }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The request to the origin.
    pub fn target(&self) -> &str {
        &self.text[..self.target_len]
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

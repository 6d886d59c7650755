//! The answers in this isolate's memory: bounded by bytes, each judged by the change log at every
//! use. An isolate may end at any moment, and all of it with it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use domain::coherence::Verdict;
use domain::{Seq, TagHash, TagTable, Timestamp};
use edge_core::pause::{FAILURE_PAUSE, is_before};
use edge_core::{Entry, Key, Known, decision};
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use crate::answer::Answer;

pub(crate) struct Kept {
    pub entry: Entry,
    pub answer: Answer,
    known: Cell<Known>,
    /// Until when it stands in without the origin being asked.
    stands_in_until: Cell<Timestamp>,
    /// Until when a request is believed to be asking for a newer one.
    asking_until: Cell<Timestamp>,
}

pub(crate) struct Shelf {
    entries: Cache<Box<str>, Rc<Kept>, Bytes>,
}

#[derive(Clone)]
struct Bytes;

/// What an entry takes beside its key, tags and answer: the allocations and the cache's own.
const OVERHEAD_BYTES: usize = 512;
/// As most answers have, to begin with; the cache grows.
const ITEM_BYTES: u64 = 4 << 10;

impl Kept {
    pub fn new(entry: Entry, answer: Answer, known_at: Option<Seq>) -> Self {
        Self {
            entry,
            answer,
            known: Cell::new(Known::at(known_at)),
            stands_in_until: Cell::default(),
            asking_until: Cell::default(),
        }
    }

    pub fn verdict(&self, table: Option<&TagTable>) -> Verdict {
        let (verdict, known) = self.known.get().verdict(&self.entry, table);
        self.known.set(known);
        verdict
    }

    pub fn may_stand_in_unasked(&self, now: Timestamp) -> bool {
        is_before(now, self.stands_in_until.get(), FAILURE_PAUSE)
    }

    /// The origin failed just now.
    pub fn stand_in(&self, now: Timestamp) {
        self.stands_in_until.set(now.plus(FAILURE_PAUSE));
    }

    /// Whether nobody asks for a newer one; from now on somebody does, for at most `within`.
    pub fn ask(&self, now: Timestamp, within: Duration) -> bool {
        let is_asked = is_before(now, self.asking_until.get(), within);
        let is_free = !is_asked && !self.may_stand_in_unasked(now);
        if is_free {
            self.asking_until.set(now.plus(within));
        }
        is_free
    }
}

impl Shelf {
    pub fn new(capacity_bytes: u64) -> Self {
        let items = usize::try_from(capacity_bytes / ITEM_BYTES).unwrap_or(usize::MAX);

        Self { entries: Cache::with_weighter(items, capacity_bytes, Bytes) }
    }

    pub fn get(&self, key: &Key) -> Option<Rc<Kept>> {
        self.entries.get(key.as_str()).cloned()
    }

    /// Of a log that is gone, and may come back under its name.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Puts an answer there, unless a newer one of the same log is, which the table calls valid.
    pub fn put(&mut self, key: &Key, kept: &Rc<Kept>, table: Option<&TagTable>) {
        let stays = |present: &Rc<Kept>| {
            decision::is_outranked(&kept.entry.stamp, &present.entry, present.verdict(table))
        };

        if !self.entries.peek(key.as_str()).is_some_and(stays) {
            self.entries.insert(key.as_str().into(), Rc::clone(kept));
        }
    }
}

impl Weighter<Box<str>, Rc<Kept>> for Bytes {
    fn weight(&self, key: &Box<str>, kept: &Rc<Kept>) -> u64 {
        let tags = size_of::<TagHash>() * kept.entry.tags.len();

        (OVERHEAD_BYTES + 2 * key.len() + tags + kept.answer.size_bytes()) as u64
    }
}

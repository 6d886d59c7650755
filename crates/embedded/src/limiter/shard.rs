//! A part of the subjects: found by hash, evicted by age.

use domain::Timestamp;
use domain::limits::Subject;
use hashbrown::HashTable;
use ports::{Ask, Decision};

use super::log::{Log, millis};

/// Two generations. A subject that makes a request is in the young one, or moves there. When a window
/// has passed, or the young generation fills its half, it becomes the old one, and the old one's
/// subjects are dropped.
pub(super) struct Shard {
    young: HashTable<Entry>,
    old: HashTable<Entry>,
    young_bytes: usize,
    half_bytes: usize,
    /// When the generations last rotated.
    rotated_at: u64,
    /// The longest window of any request so far, in milliseconds.
    window: u64,
    clock: Clock,
}

struct Entry {
    hash: u64,
    subject: Subject,
    log: Log,
}

/// A wall clock that never decreases: after it is set back, time continues from the last reading.
/// Otherwise a window would last until the clock reaches its old time again.
#[derive(Default)]
struct Clock {
    last: u64,
    ahead: u64,
}

impl Shard {
    pub(super) fn new(capacity_bytes: usize) -> Self {
        Self {
            young: HashTable::new(),
            old: HashTable::new(),
            young_bytes: 0,
            half_bytes: capacity_bytes / 2,
            rotated_at: 0,
            window: 0,
            clock: Clock::default(),
        }
    }

    pub(super) fn take(&mut self, hash: u64, ask: &Ask, now: Timestamp) -> Decision {
        self.with_log(hash, ask, now, |log, now| log.take(now, ask.limit))
    }

    /// The refusal that [`Self::take`] would return, if any; counts nothing.
    pub(super) fn refusal(&mut self, hash: u64, ask: &Ask, now: Timestamp) -> Option<Decision> {
        self.with_log(hash, ask, now, |log, now| log.refusal(now, ask.limit))
    }

    /// A refused request counts as activity too: the log of a subject that is refused must not be
    /// evicted.
    fn with_log<T>(
        &mut self,
        hash: u64,
        ask: &Ask,
        now: Timestamp,
        work: impl FnOnce(&mut Log, u64) -> T,
    ) -> T {
        let now = self.clock.read(now.as_millis());
        self.window = self.window.max(millis(ask.limit.window));
        self.rotate(now);

        let is_subject = |entry: &Entry| entry.hash == hash && entry.subject == ask.subject;
        if let Some(entry) = self.young.find_mut(hash, is_subject) {
            let before = entry.log.size_bytes();
            let done = work(&mut entry.log, now);
            self.young_bytes += entry.log.size_bytes().saturating_sub(before);
            return done;
        }
        let mut entry = match self.old.find_entry(hash, is_subject) {
            Ok(found) => found.remove().0,
            Err(_) => Entry { hash, subject: ask.subject, log: Log::default() },
        };
        let done = work(&mut entry.log, now);
        self.young_bytes += entry.size_bytes();
        self.young.insert_unique(hash, entry, |entry| entry.hash);
        done
    }

    /// Drops the subjects without a request since the rotation before the last.
    fn rotate(&mut self, now: u64) {
        let since = now - self.rotated_at;
        if since < self.window && self.young_bytes < self.half_bytes {
            return;
        }
        std::mem::swap(&mut self.young, &mut self.old);
        self.young.clear();
        if since >= self.window.saturating_mul(2) {
            // The old generation has had no request for a whole window.
            self.old.clear();
        }
        self.young_bytes = 0;
        self.rotated_at = now;
    }
}

impl Entry {
    /// Twice its size, since the table is half empty right after it has grown.
    fn size_bytes(&self) -> usize {
        2 * size_of::<Self>() + self.log.size_bytes()
    }
}

impl Clock {
    fn read(&mut self, wall: u64) -> u64 {
        let now = wall + self.ahead;
        if now < self.last {
            self.ahead += self.last - now;
            return self.last;
        }
        self.last = now;
        now
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::limits::{Limit, LimitClass};

    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn ask(subject: u128) -> Ask {
        let limit = Limit { requests: 2, window: WINDOW };

        Ask { class: LimitClass::Read, subject: Subject::Customer(subject), limit }
    }

    fn take(shard: &mut Shard, subject: u128, at: u64) -> Decision {
        let hash = (subject as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);

        shard.take(hash, &ask(subject), Timestamp::from_millis(1_000_000_000 + at))
    }

    #[test]
    fn a_million_subjects_take_no_more_than_the_capacity() {
        let mut shard = Shard::new(1 << 20);
        let mut most = 0;

        for subject in 0..1_000_000 {
            take(&mut shard, subject, 0);
            most = most.max(shard.young.len() + shard.old.len());
        }

        let entry = size_of::<Entry>() + 4 * 8;
        assert!(most * entry <= 1 << 20, "{most} entries");
        assert!(most > 1_000, "{most} entries");
    }

    #[test]
    fn a_subject_without_requests_for_two_windows_takes_no_memory() {
        let mut shard = Shard::new(1 << 20);
        for subject in 0..100 {
            take(&mut shard, subject, 0);
        }

        take(&mut shard, 200, 60_000);
        take(&mut shard, 200, 120_000);

        assert_eq!(shard.young.len() + shard.old.len(), 1);
    }

    #[test]
    fn a_rotation_keeps_every_subject_whose_requests_still_count() {
        let mut shard = Shard::new(1 << 20);
        take(&mut shard, 1, 0);
        take(&mut shard, 1, 50_000);
        take(&mut shard, 2, 61_000);

        assert_eq!(take(&mut shard, 1, 62_000).remaining, 0);
        assert!(!take(&mut shard, 1, 62_000).is_allowed);
    }

    #[test]
    fn after_the_clock_is_set_back_a_subject_waits_at_most_one_window() {
        let mut shard = Shard::new(1 << 20);
        take(&mut shard, 1, 10_000_000);
        take(&mut shard, 1, 10_000_000);

        assert!(!take(&mut shard, 1, 0).is_allowed);
        assert!(take(&mut shard, 1, 60_000).is_allowed);
    }
}

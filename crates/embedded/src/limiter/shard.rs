//! A part of the subjects: found by hash, forgotten by age.

use domain::Timestamp;
use domain::limits::Subject;
use hashbrown::HashTable;
use ports::{Ask, Decision};

use super::log::{Log, millis};

/// Two generations. Whoever is heard of is, or moves to, among the young; when a window has passed
/// or the young fill their half, they become the old, and the old are forgotten.
pub(super) struct Shard {
    young: HashTable<Entry>,
    old: HashTable<Entry>,
    young_bytes: usize,
    half_bytes: usize,
    /// When the generations last changed.
    turned: u64,
    /// The longest that was asked for, in milliseconds.
    window: u64,
    clock: Clock,
}

struct Entry {
    hash: u64,
    subject: Subject,
    log: Log,
}

/// A wall clock that never goes back: where it is set back, time stands still for a moment and then
/// goes on, or a window would last until the clock is where it was.
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
            turned: 0,
            window: 0,
            clock: Clock::default(),
        }
    }

    pub(super) fn take(&mut self, hash: u64, ask: &Ask, now: Timestamp) -> Decision {
        self.with_log(hash, ask, now, |log, now| log.take(now, ask.limit))
    }

    /// What [`Self::take`] would refuse with; counts nothing.
    pub(super) fn refusal(&mut self, hash: u64, ask: &Ask, now: Timestamp) -> Option<Decision> {
        self.with_log(hash, ask, now, |log, now| log.refusal(now, ask.limit))
    }

    /// Whoever is refused is heard of too: his log must not be among those that are forgotten.
    fn with_log<T>(
        &mut self,
        hash: u64,
        ask: &Ask,
        now: Timestamp,
        work: impl FnOnce(&mut Log, u64) -> T,
    ) -> T {
        let now = self.clock.read(now.as_millis());
        self.window = self.window.max(millis(ask.limit.window));
        self.turn(now);

        let is_theirs = |entry: &Entry| entry.hash == hash && entry.subject == ask.subject;
        if let Some(entry) = self.young.find_mut(hash, is_theirs) {
            let before = entry.log.size_bytes();
            let done = work(&mut entry.log, now);
            self.young_bytes += entry.log.size_bytes().saturating_sub(before);
            return done;
        }
        let mut entry = match self.old.find_entry(hash, is_theirs) {
            Ok(found) => found.remove().0,
            Err(_) => Entry { hash, subject: ask.subject, log: Log::default() },
        };
        let done = work(&mut entry.log, now);
        self.young_bytes += entry.size_bytes();
        self.young.insert_unique(hash, entry, |entry| entry.hash);
        done
    }

    /// What has not been asked for since the last turn but one is forgotten.
    fn turn(&mut self, now: u64) {
        let since = now - self.turned;
        if since < self.window && self.young_bytes < self.half_bytes {
            return;
        }
        std::mem::swap(&mut self.young, &mut self.old);
        self.young.clear();
        if since >= self.window.saturating_mul(2) {
            // Nobody at all was heard of for a window.
            self.old.clear();
        }
        self.young_bytes = 0;
        self.turned = now;
    }
}

impl Entry {
    /// With its share of the table, which is half empty right after it has grown.
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
    fn whoever_was_not_heard_of_for_two_windows_takes_no_memory() {
        let mut shard = Shard::new(1 << 20);
        for subject in 0..100 {
            take(&mut shard, subject, 0);
        }

        take(&mut shard, 200, 60_000);
        take(&mut shard, 200, 120_000);

        assert_eq!(shard.young.len() + shard.old.len(), 1);
    }

    #[test]
    fn a_turn_of_the_generations_forgets_nobody_who_still_counts() {
        let mut shard = Shard::new(1 << 20);
        take(&mut shard, 1, 0);
        take(&mut shard, 1, 50_000);
        take(&mut shard, 2, 61_000);

        assert_eq!(take(&mut shard, 1, 62_000).remaining, 0);
        assert!(!take(&mut shard, 1, 62_000).is_allowed);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out_for_longer_than_a_window() {
        let mut shard = Shard::new(1 << 20);
        take(&mut shard, 1, 10_000_000);
        take(&mut shard, 1, 10_000_000);

        assert!(!take(&mut shard, 1, 0).is_allowed);
        assert!(take(&mut shard, 1, 60_000).is_allowed);
    }
}

//! Limits how fast admin keys can be guessed: an address that has sent too many wrong keys is refused
//! before its next key is checked.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::Timestamp;
use domain::limits::Subject;
use limits::{Admission, RateLimit};
use ports::{Decision, World};

/// Half a megabyte of addresses; more than this guess at once only in a flood.
const BLOCKED_MAX: usize = 4_096;
/// Far more keys than a shop has.
const PROVEN_MAX: usize = 1_024;

/// Counts wrong keys by address. A key that was right before is checked in any case, so that someone
/// who guesses keys does not lock out admins at the same address.
pub struct KeyAttempts {
    /// `None`: wrong keys have no limit.
    limit: Option<Arc<RateLimit>>,
    world: Arc<dyn World>,
    seen: Mutex<Seen>,
    /// Two hashes with keys of this process: 128 bits without chosen collisions, and without storing
    /// a secret.
    hashers: [RandomState; 2],
}

#[derive(Default)]
struct Seen {
    blocked: HashMap<Subject, Block>,
    proven: HashSet<[u64; 2]>,
}

#[derive(Clone, Copy)]
struct Block {
    since: Timestamp,
    until: Timestamp,
}

impl KeyAttempts {
    pub fn new(limit: Option<Arc<RateLimit>>, world: Arc<dyn World>) -> Self {
        let hashers = [RandomState::new(), RandomState::new()];

        Self { limit, world, seen: Mutex::default(), hashers }
    }

    /// The refusal of an attempt, before anything is read or hashed for it.
    pub fn refusal(&self, subject: Subject, token: &str) -> Option<(&RateLimit, Decision)> {
        let limit = self.limit.as_deref()?;
        let now = self.world.now();
        let mut seen = self.seen();
        let block = *seen.blocked.get(&subject)?;
        if !block.holds_at(now) {
            seen.blocked.remove(&subject);
            return None;
        }
        if seen.proven.contains(&self.print(token)) {
            return None;
        }

        Some((limit, Decision::refused(block.until.since(now))))
    }

    /// Remembers a key that is right.
    pub fn succeeded(&self, token: &str) {
        if self.limit.is_none() {
            return;
        }
        let mut seen = self.seen();
        // The keys in use are proven again with their next request.
        if seen.proven.len() >= PROVEN_MAX {
            seen.proven.clear();
        }
        seen.proven.insert(self.print(token));
    }

    /// Counts a wrong key; the refusal, if it was one too many.
    pub async fn failed(&self, subject: Subject, token: &str) -> Option<(&RateLimit, Decision)> {
        let limit = self.limit.as_deref()?;
        // A key that was right before has been revoked.
        self.seen().proven.remove(&self.print(token));

        match limit.admit(subject).await {
            Admission::Allowed(Some(Decision { remaining: 0, reset_after, .. })) => {
                self.block(subject, reset_after);
                None
            }
            Admission::Refused(decision) => {
                self.block(subject, decision.reset_after);
                Some((limit, decision))
            }
            _ => None,
        }
    }

    fn block(&self, subject: Subject, time: std::time::Duration) {
        let now = self.world.now();
        let mut seen = self.seen();
        if seen.blocked.len() >= BLOCKED_MAX {
            seen.blocked.retain(|_, block| block.holds_at(now));
        }

        // When all blocks are in force the limiter still refuses the attempt, after a check.
        if seen.blocked.len() < BLOCKED_MAX {
            seen.blocked.insert(subject, Block { since: now, until: now.plus(time) });
        }
    }

    fn print(&self, token: &str) -> [u64; 2] {
        self.hashers.each_ref().map(|hasher| hasher.hash_one(token))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Each change is complete in itself.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Block {
    /// After the clock was set back, the remaining time is unknown and the block ends.
    fn holds_at(&self, now: Timestamp) -> bool {
        self.since <= now && now < self.until
    }
}

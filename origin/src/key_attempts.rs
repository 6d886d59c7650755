//! Admin keys can't be tried as fast as requests can be sent: an address that has sent too many
//! wrong ones is refused before its next one is looked at.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::Timestamp;
use domain::limits::Subject;
use limits::{Admission, RateLimit};
use ports::{Decision, World};

/// More addresses than guess at once in any but a flood, and half a megabyte.
const BLOCKED_MAX: usize = 4_096;
/// Far more keys than a shop has.
const PROVEN_MAX: usize = 1_024;

/// Counts wrong keys by address. A key that was right before is looked at in any case, so that a
/// guesser locks nobody out who works behind his address.
pub struct KeyAttempts {
    /// `None`: wrong keys have no limit.
    gate: Option<Arc<RateLimit>>,
    world: Arc<dyn World>,
    seen: Mutex<Seen>,
    /// Two, with keys of this process's own: 128 bits that nobody can aim at, and no secret is kept.
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
    pub fn new(gate: Option<Arc<RateLimit>>, world: Arc<dyn World>) -> Self {
        let hashers = [RandomState::new(), RandomState::new()];

        Self { gate, world, seen: Mutex::default(), hashers }
    }

    /// The refusal of an attempt, before anything is read or hashed for it.
    pub fn refusal(&self, subject: Subject, token: &str) -> Option<(&RateLimit, Admission)> {
        let gate = self.gate.as_deref()?;
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

        Some((gate, Admission::Refused(Decision::refused(block.until.since(now)))))
    }

    /// The key is right.
    pub fn succeeded(&self, token: &str) {
        if self.gate.is_none() {
            return;
        }
        let mut seen = self.seen();
        // Those that are in use are proven again at once.
        if seen.proven.len() >= PROVEN_MAX {
            seen.proven.clear();
        }
        seen.proven.insert(self.print(token));
    }

    /// Counts a wrong key. The refusal, if it was one too many.
    pub async fn failed(&self, subject: Subject, token: &str) -> Option<(&RateLimit, Admission)> {
        let gate = self.gate.as_deref()?;
        // It was revoked, if it ever was right.
        self.seen().proven.remove(&self.print(token));
        let admission = gate.admit(subject).await;

        match admission {
            Admission::Allowed(Some(Decision { remaining: 0, reset_after, .. })) => {
                self.block(subject, reset_after);
                None
            }
            Admission::Refused(Decision { reset_after, .. }) => {
                self.block(subject, reset_after);
                Some((gate, admission))
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

        // Full of those that hold: the limiter refuses the attempt after it was looked at.
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
    /// A clock that was set back says nothing about how long is left.
    fn holds_at(&self, now: Timestamp) -> bool {
        self.since <= now && now < self.until
    }
}

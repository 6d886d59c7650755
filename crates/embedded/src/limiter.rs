//! The Limiter port in this process's memory: exact, bounded, and fast enough for every request.

mod log;
mod shard;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::limits::LimitClass;
use ports::{Ask, Decision, JointDecision, Limiter, PortError, Window, World};

use shard::Shard;

/// Far more than a machine has cores, so that two threads rarely contend for one shard.
const SHARDS: usize = 64;

/// Counts in a sliding window. An occasional subject takes about 150 bytes, and 8 more for each
/// request within the window; it is evicted one or two windows after its last request.
///
/// When a class has more subjects than fit, the least recently active ones are evicted early. An
/// attacker with that many addresses has as many limits anyway.
pub struct MemoryLimiter {
    world: Arc<dyn World>,
    /// Separate for each class, so that a flood in one does not evict the subjects of another.
    classes: [Box<[Mutex<Shard>]>; LimitClass::ALL.len()],
    /// Randomly keyed: a client can't choose addresses that all hash to one shard.
    hasher: RandomState,
}

/// The shard that counts a subject.
#[derive(Clone, Copy)]
struct Position {
    hash: u64,
    /// The class, and the index among its shards.
    shard: (usize, usize),
}

impl MemoryLimiter {
    /// Each class may use `capacity_bytes`.
    pub fn new(world: Arc<dyn World>, capacity_bytes: usize) -> Self {
        let each = capacity_bytes / SHARDS;
        let shards = || (0..SHARDS).map(|_| Mutex::new(Shard::new(each))).collect();

        Self { world, classes: std::array::from_fn(|_| shards()), hasher: RandomState::new() }
    }

    fn decide(&self, ask: &Ask) -> Decision {
        let position = self.position(ask);

        self.lock(position.shard).take(position.hash, ask, self.world.now())
    }

    fn decide_all(&self, asks: &[Ask]) -> JointDecision {
        let positions: Vec<Position> = asks.iter().map(|ask| self.position(ask)).collect();
        // Always locked in the same order, so that two callers can't deadlock.
        let mut shards: Vec<(usize, usize)> =
            positions.iter().map(|position| position.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        let mut locked: Vec<_> = shards.iter().map(|shard| self.lock(*shard)).collect();
        let at =
            |position: &Position| shards.binary_search(&position.shard).expect("each is locked");
        let now = self.world.now();

        for (by, (ask, position)) in asks.iter().zip(&positions).enumerate() {
            if let Some(decision) = locked[at(position)].refusal(position.hash, ask, now) {
                return JointDecision::Refused { by, decision };
            }
        }
        let take =
            |(ask, position): (&Ask, &Position)| locked[at(position)].take(position.hash, ask, now);
        JointDecision::Allowed(asks.iter().zip(&positions).map(take).collect())
    }

    fn position(&self, ask: &Ask) -> Position {
        let hash = self.hasher.hash_one(ask.subject);

        // Not the bits that the hash table uses for its buckets (lowest) and tags (highest).
        Position { hash, shard: (ask.class as usize, (hash >> 32) as usize % SHARDS) }
    }

    fn lock(&self, (class, at): (usize, usize)) -> MutexGuard<'_, Shard> {
        // A panic within a decision leaves at worst one request uncounted.
        self.classes[class][at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Limiter for MemoryLimiter {
    fn window(&self) -> Window {
        Window::Sliding
    }

    fn try_take(&self, ask: &Ask) -> Option<Decision> {
        Some(self.decide(ask))
    }

    async fn take(&self, ask: &Ask) -> Result<Decision, PortError> {
        Ok(self.decide(ask))
    }

    fn try_take_all(&self, asks: &[Ask]) -> Option<JointDecision> {
        Some(self.decide_all(asks))
    }

    async fn take_all(&self, asks: &[Ask]) -> Result<JointDecision, PortError> {
        Ok(self.decide_all(asks))
    }
}

//! The Limiter port in this process's memory: exact, bounded, and quick enough for every request.

mod log;
mod shard;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::limits::LimitClass;
use ports::{Ask, Decision, JointDecision, Limiter, PortError, Window, World};

use shard::Shard;

/// Far more than a machine has cores, so that two seldom want the same one.
const SHARDS: usize = 64;

/// Counts in a sliding window. Takes about 150 bytes for a subject who asks now and then, 8 more
/// for each of his requests within the window, and forgets him a window or two after his last.
///
/// When a class has more subjects than fit, those who were not heard of for the longest are
/// forgotten early; whoever commands so many addresses has as many limits anyway.
pub struct MemoryLimiter {
    world: Arc<dyn World>,
    /// Of each class its own, so that no flood of one makes room by forgetting another.
    classes: [Box<[Mutex<Shard>]>; LimitClass::ALL.len()],
    /// With keys of its own: nobody can choose addresses that all meet in one place.
    hasher: RandomState,
}

/// Where a subject is counted.
#[derive(Clone, Copy)]
struct Place {
    hash: u64,
    /// The class, and the shard among its own.
    shard: (usize, usize),
}

impl MemoryLimiter {
    /// `capacity_bytes` is for each class.
    pub fn new(world: Arc<dyn World>, capacity_bytes: usize) -> Self {
        let each = capacity_bytes / SHARDS;
        let shards = || (0..SHARDS).map(|_| Mutex::new(Shard::new(each))).collect();

        Self { world, classes: std::array::from_fn(|_| shards()), hasher: RandomState::new() }
    }

    fn decide(&self, ask: &Ask) -> Decision {
        let place = self.place(ask);

        self.lock(place.shard).take(place.hash, ask, self.world.now())
    }

    fn decide_all(&self, asks: &[Ask]) -> JointDecision {
        let places: Vec<Place> = asks.iter().map(|ask| self.place(ask)).collect();
        // Everybody locks in one order, so that no two wait for each other.
        let mut shards: Vec<(usize, usize)> = places.iter().map(|place| place.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        let mut locked: Vec<_> = shards.iter().map(|shard| self.lock(*shard)).collect();
        let at = |place: &Place| shards.binary_search(&place.shard).expect("each is locked");
        let now = self.world.now();

        for (by, (ask, place)) in asks.iter().zip(&places).enumerate() {
            if let Some(decision) = locked[at(place)].refusal(place.hash, ask, now) {
                return JointDecision::Refused { by, decision };
            }
        }
        let take = |(ask, place): (&Ask, &Place)| locked[at(place)].take(place.hash, ask, now);
        JointDecision::Allowed(asks.iter().zip(&places).map(take).collect())
    }

    fn place(&self, ask: &Ask) -> Place {
        let hash = self.hasher.hash_one(ask.subject);

        // Neither the bits by which the table finds a place nor those by which it tells neighbours.
        Place { hash, shard: (ask.class as usize, (hash >> 32) as usize % SHARDS) }
    }

    fn lock(&self, (class, at): (usize, usize)) -> MutexGuard<'_, Shard> {
        // A decision that panicked has at worst not counted one request.
        self.classes[class][at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Limiter for MemoryLimiter {
    fn window(&self) -> Window {
        Window::Sliding
    }

    fn take_at_once(&self, ask: &Ask) -> Option<Decision> {
        Some(self.decide(ask))
    }

    async fn take(&self, ask: &Ask) -> Result<Decision, PortError> {
        Ok(self.decide(ask))
    }

    fn take_all_at_once(&self, asks: &[Ask]) -> Option<JointDecision> {
        Some(self.decide_all(asks))
    }

    async fn take_all(&self, asks: &[Ask]) -> Result<JointDecision, PortError> {
        Ok(self.decide_all(asks))
    }
}

//! The Limiter port in this process's memory: exact, bounded, and quick enough for every request.

mod log;
mod shard;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::limits::LimitClass;
use ports::{Ask, Decision, Limiter, PortError, Window, World};

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

impl MemoryLimiter {
    /// `capacity_bytes` is for each class.
    pub fn new(world: Arc<dyn World>, capacity_bytes: usize) -> Self {
        let each = capacity_bytes / SHARDS;
        let shards = || (0..SHARDS).map(|_| Mutex::new(Shard::new(each))).collect();

        Self { world, classes: std::array::from_fn(|_| shards()), hasher: RandomState::new() }
    }

    fn decide(&self, ask: &Ask) -> Decision {
        let hash = self.hasher.hash_one(ask.subject);
        // Neither the bits by which the table finds a place nor those by which it tells neighbours.
        let at = (hash >> 32) as usize % SHARDS;
        let shard = &self.classes[ask.class as usize][at];

        // A decision that panicked has at worst not counted one request.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.take(hash, ask, self.world.now())
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
}

//! The in-memory limiter against the contract of the Limiter port.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use embedded::MemoryLimiter;
use ports::contract::limiter::Counters;
use ports::{Limiter, World};

/// Shows the time that the test sets, in milliseconds.
struct ManualClock(AtomicU64);

impl World for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn random(&self) -> u128 {
        0
    }
}

struct Memory {
    world: Arc<ManualClock>,
    limiter: Arc<dyn Limiter>,
}

#[async_trait]
impl Counters for Memory {
    async fn connect(&self) -> Arc<dyn Limiter> {
        Arc::clone(&self.limiter)
    }

    async fn pass(&self, time: Duration) {
        self.world.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

async fn memory() -> Memory {
    let world = Arc::new(ManualClock(AtomicU64::new(1_795_442_552_123)));
    let limiter = Arc::new(MemoryLimiter::new(world.clone(), 1 << 20));

    Memory { world, limiter }
}

ports::limiter_contract!(memory);

//! The in-memory limiter against the contract of the Limiter port.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use embedded::MemoryLimiter;
use ports::Limiter;
use ports::contract::limiter::Counters;
use simulation::HandSetWorld;

struct Memory {
    world: Arc<HandSetWorld>,
    limiter: Arc<dyn Limiter>,
}

#[async_trait]
impl Counters for Memory {
    async fn connect(&self) -> Arc<dyn Limiter> {
        Arc::clone(&self.limiter)
    }

    async fn pass(&self, time: Duration) {
        self.world.pass(time);
    }
}

async fn memory() -> Memory {
    let world = Arc::new(HandSetWorld::of(1));
    let limiter = Arc::new(MemoryLimiter::new(world.clone(), 1 << 20));

    Memory { world, limiter }
}

ports::limiter_contract!(memory);

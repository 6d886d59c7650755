//! The port's clock and randomness, simulated.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::Timestamp;
use ports::World;
use tokio::time::Instant;

use crate::Entropy;

/// 2026-11-23T14:02:32.123Z: in the middle of a second.
const START: Timestamp = Timestamp::from_millis(1_795_442_552_123);

/// A clock that goes with tokio's: while that one is paused, it stands still until every task waits.
/// Copies show the same time.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedClock {
    began: Instant,
    start: Timestamp,
}

/// What one simulated process has of the world: a clock, which may be ahead of others', and
/// randomness.
#[derive(Debug)]
pub struct SimulatedWorld {
    clock: SimulatedClock,
    entropy: Entropy,
}

/// A clock that stands until it is moved by hand, for tests that are no simulation: what they ask
/// has threads or sockets of its own.
#[derive(Debug)]
pub struct HandSetWorld {
    millis: AtomicU64,
    entropy: Entropy,
}

impl SimulatedClock {
    /// To be called on the runtime whose time it shows.
    pub fn start() -> Self {
        Self { began: Instant::now(), start: START }
    }

    /// A clock that shows a later time.
    #[must_use]
    pub const fn ahead_by(self, time: Duration) -> Self {
        Self { start: self.start.plus(time), ..self }
    }

    pub fn now(&self) -> Timestamp {
        self.start.plus(self.elapsed())
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl SimulatedWorld {
    pub const fn new(clock: SimulatedClock, entropy: Entropy) -> Self {
        Self { clock, entropy }
    }
}

impl World for SimulatedWorld {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn random(&self) -> u128 {
        self.entropy.wide_number()
    }
}

impl HandSetWorld {
    /// Worlds that share a server need seeds of their own, since tokens are made of randomness.
    pub const fn of(seed: u64) -> Self {
        Self { millis: AtomicU64::new(START.as_millis()), entropy: Entropy::of(seed) }
    }

    pub fn pass(&self, time: Duration) {
        self.set(self.now().plus(time));
    }

    pub fn jump_back(&self, time: Duration) {
        self.set(self.now().minus(time));
    }

    fn set(&self, now: Timestamp) {
        self.millis.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl World for HandSetWorld {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst))
    }

    fn random(&self) -> u128 {
        self.entropy.wide_number()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_moves_as_far_as_the_longest_wait() {
        let clock = SimulatedClock::start();
        let ahead = clock.ahead_by(Duration::from_secs(1));

        tokio::time::sleep(Duration::from_secs(86_400)).await;

        assert_eq!(clock.now().since(START), Duration::from_secs(86_400));
        assert_eq!(ahead.now().since(clock.now()), Duration::from_secs(1));
    }

    #[test]
    fn a_clock_that_is_set_by_hand_stands_until_it_is_moved() {
        let world = HandSetWorld::of(1);

        world.pass(Duration::from_secs(3));
        world.jump_back(Duration::from_secs(1));

        assert_eq!(world.now().since(START), Duration::from_secs(2));
    }
}

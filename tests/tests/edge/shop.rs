//! The clock and the dice of an origin whose edge may be another process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use domain::Timestamp;

#[derive(Default)]
pub struct World {
    dice: AtomicU64,
}

impl ports::World for World {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);

        Timestamp::from_millis(since.expect("a clock after 1970").as_millis() as u64)
    }

    fn random(&self) -> u128 {
        // Zero first: an answer's whole time, without jitter.
        u128::from(self.dice.fetch_add(1 << 32, Ordering::SeqCst)) << 64
    }
}

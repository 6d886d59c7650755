//! A clock that stands until it is moved, and random numbers that are the same in each run.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::Timestamp;
use ports::World;

/// 2026-11-23T14:02:32Z.
const START: u64 = 1_795_442_552_000;

pub struct HandSetWorld {
    now: AtomicU64,
    random_state: Mutex<u64>,
}

impl HandSetWorld {
    /// Worlds that share a server must not share random numbers, since tokens are made of them.
    pub fn new() -> Self {
        static SEEDS: AtomicU64 = AtomicU64::new(1);

        Self {
            now: AtomicU64::new(START),
            random_state: Mutex::new(SEEDS.fetch_add(1, Ordering::Relaxed) << 40),
        }
    }

    pub fn pass(&self, time: Duration) {
        self.now.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }

    /// As a wall clock that was ahead and is corrected.
    pub fn set_back(&self, time: Duration) {
        self.now.fetch_sub(time.as_millis() as u64, Ordering::SeqCst);
    }
}

impl World for HandSetWorld {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn random(&self) -> u128 {
        let mut state = self.random_state.lock().unwrap();

        u128::from(split_mix(&mut state)) << 64 | u128::from(split_mix(&mut state))
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): every seed gives a full period.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

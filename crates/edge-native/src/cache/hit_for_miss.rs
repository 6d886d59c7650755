//! Hit-for-miss: keys whose last response could not be shared, so that requests don't wait for each
//! other's.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

/// Long enough to take a herd off an answer that can't be shared, short enough to forget it.
const REMEMBERED_FOR: Duration = Duration::from_secs(10);
const KEYS_MAX: u64 = 10_000;

pub(crate) struct HitForMiss(Cache<Arc<str>, ()>);

impl HitForMiss {
    pub fn new() -> Self {
        Self(Cache::builder().max_capacity(KEYS_MAX).time_to_live(REMEMBERED_FOR).build())
    }

    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub fn add(&self, key: &str) {
        self.0.insert(key.into(), ());
    }
}

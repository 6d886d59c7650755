//! The tests' shared cache keeps the contract, or what they show would prove nothing.

mod world;

use std::sync::Arc;

use world::MemoryShared;

#[tokio::test(start_paused = true)]
async fn the_shared_cache_of_the_tests_keeps_the_contract() {
    ports::contract::shared_cache::holds(Arc::new(MemoryShared::default()), "any:").await;
}

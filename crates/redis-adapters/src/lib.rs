//! What processes share in Redis: answers of the catalogue, counts of requests, and the news that
//! the change log has grown. The only crate that names a type of the Redis client.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod bell;
mod link;
mod pause;
mod shared_cache;
mod sliding_window;
#[cfg(feature = "test-server")]
pub mod testing;

pub use bell::RedisBell;
pub use link::RedisLink;
pub use shared_cache::RedisSharedCache;
pub use sliding_window::RedisLimiter;

//! What processes share in Redis: cached catalogue answers, request counts, and notifications that
//! the change log has grown. The only crate that names a type of the Redis client.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod backoff;
mod change_notifier;
mod connection;
mod shared_cache;
mod sliding_window;
#[cfg(feature = "test-server")]
pub mod testing;

pub use change_notifier::RedisChangeNotifier;
pub use connection::RedisConnection;
pub use shared_cache::RedisSharedCache;
pub use sliding_window::RedisLimiter;

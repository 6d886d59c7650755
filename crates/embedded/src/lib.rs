//! Adapters that need no server: items in a SQLite file, limits in this process's memory, and the
//! machine's own clock and randomness.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod items;
mod limiter;
mod sqlite;
mod world;

pub use items::SqliteItems;
pub use limiter::MemoryLimiter;
pub use sqlite::file;
pub use world::SystemWorld;

//! The shop's needs met by one machine: no server, nothing to install, files in one folder.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod items;
mod limiter;
mod world;

pub use items::SqliteItems;
pub use items::file;
pub use limiter::MemoryLimiter;
pub use world::SystemWorld;

//! The shop's needs met by one machine: no server, nothing to install, files in one folder.

// A print panics where its reader has gone, and waits where nobody reads: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod items;
mod limiter;
mod world;

pub use items::SqliteItems;
pub use items::file;
pub use limiter::MemoryLimiter;
pub use world::SystemWorld;

//! The shop's needs met by one machine: no server, nothing to install, files in one folder.

mod items;
mod limiter;
mod world;

pub use items::SqliteItems;
pub use items::file;
pub use limiter::MemoryLimiter;
pub use world::SystemWorld;

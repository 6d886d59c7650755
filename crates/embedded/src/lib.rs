//! The shop's needs met by one machine: no server, nothing to install, files in one folder.

mod items;
mod world;

pub use items::SqliteItems;
pub use world::SystemWorld;

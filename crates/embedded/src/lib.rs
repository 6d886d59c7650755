//! The shop's needs met by one machine: no server, nothing to install, files in one folder.

mod items;

pub use items::SqliteItems;

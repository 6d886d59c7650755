//! The catalogue in memory: one immutable snapshot answers lists, search, facets, categories,
//! featured products, bestsellers and recommendations; changes make the next snapshot.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod admin;
mod bits;
mod categories;
mod collections;
mod delta;
mod entry;
mod facets;
mod filters;
mod index;
mod labels;
mod list;
mod merchandising;
mod rows;
mod selection;
mod snapshot;
mod text;

pub use admin::AdminPage;
pub use delta::SnapshotDelta;
pub use entry::Card;
pub use index::Index;
pub use list::{ListPage, write_cards};
pub use merchandising::Recommendations;
pub use snapshot::{CatalogSnapshot, Rankings, Unknown};

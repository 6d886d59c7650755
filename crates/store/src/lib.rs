//! Repositories and storage transactions, written once on the Items port; no backend is named.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod admin_keys;
pub mod audit;
pub mod bulk;
pub mod catalog;
pub mod error;
pub mod idempotency;
pub mod inventory;
mod keys;
pub mod schema;
mod watched;
pub mod write;

pub use admin_keys::{AdminKey, AdminKeys, IssuedKey};
pub use audit::{Actor, Audit, AuditEntry};
pub use bulk::{Bulk, Outcome, Upsert};
pub use catalog::{Adjusted, Catalog, Committed, Contents, Head, Log};
pub use error::StoreError;
pub use idempotency::{
    Author, Claim, ClaimedKey, Ended, Idempotency, Recorded, Render, StoredResponse, WriteContext,
};
pub use inventory::{Inventory, StockLines};
pub use watched::WatchedItems;
pub use write::{Db, WriteBatch};

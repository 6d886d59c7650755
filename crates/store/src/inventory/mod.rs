//! The inventory: levels, the ledger of what is on hand, and the movements of what checkouts claim.
//!
//! A level changes by what is added to it, on condition of what that needs, and never by being
//! replaced: an adjustment, an import and a checkout of one SKU do not make each other fail.

mod level;
mod level_writes;
mod movements;
mod repository;
mod sku_locks;

pub use movements::{Movement, MovementKind, StockLines};
pub use repository::Inventory;

pub(crate) use level::{StoredLevel, read_levels};
pub(crate) use level_writes::{NewLevel, StockChange, adjust_level, create_level, retire_level};

//! What admins do: catalogue, stock and the audit list.

pub(crate) mod answers;
mod audit;
mod bulk;
mod categories;
mod collections;
mod files;
mod inventory;
mod lists;
mod operation;
mod paging;
mod products;
mod variants;
mod views;

pub use audit::*;
pub use bulk::*;
pub use categories::*;
pub use collections::*;
pub use files::*;
pub use inventory::*;
pub use lists::*;
pub use products::*;
pub use variants::*;

//! What admins do: catalogue, stock, files and the audit list.

mod audit;
mod bestsellers;
mod bulk;
mod categories;
mod collections;
mod exports;
mod featured;
mod imports;
mod inventory;
mod operation;
mod paging;
mod path;
mod products;
mod variants;
mod views;

use crate::route::Endpoint;
use crate::shop::Shop;

pub use exports::ExportFormat;

pub fn endpoints() -> Vec<Endpoint<Shop>> {
    [
        products::endpoints(),
        variants::endpoints(),
        categories::endpoints(),
        collections::endpoints(),
        featured::endpoints(),
        bestsellers::endpoints(),
        inventory::endpoints(),
        bulk::endpoints(),
        imports::endpoints(),
        exports::endpoints(),
        audit::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

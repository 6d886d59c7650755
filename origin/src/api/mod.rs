//! The HTTP interface: one module a resource, which declares its routes beside their handlers.

pub mod admin;
mod catalog;
mod changes;
mod images;
mod ops;

use crate::route::{Endpoint, Route};
use crate::shop::Shop;

/// Every route with its handler.
pub fn endpoints() -> Vec<Endpoint<Shop>> {
    [
        catalog::endpoints(),
        images::endpoints(),
        ops::endpoints(),
        changes::endpoints(),
        admin::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every route as it is declared.
pub fn routes() -> Vec<Route> {
    endpoints().into_iter().map(|endpoint| endpoint.route).collect()
}

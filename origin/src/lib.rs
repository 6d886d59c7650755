//! The origin: catalogue reads for edges, admin writes, and the change log that keeps caches true.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod access;
mod admin;
mod body;
mod browsers;
mod caller;
mod catalog;
mod context;
mod docs;
mod door;
mod idempotency;
mod internal;
mod key_attempts;
mod limit;
mod measures;
mod ops;
mod precondition;
mod problem;
mod query;
mod refused_keys;
mod rendered;
mod router;
pub mod routes;
mod schema;
mod serve;
mod shop;
mod token;
mod unread;

pub use router::{openapi, router};
pub use serve::{Running, serve};
pub use shop::{MetricsPage, SharedShop, Shop, ShopSettings};

//! The origin: catalogue reads for edges, admin writes, and the change log by which caches stay
//! correct.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod access;
mod api;
mod body;
mod browsers;
mod catalog;
mod context;
mod description;
mod docs_page;
mod document;
mod etag;
mod fast_path;
mod file_imports;
mod idempotency;
mod observe;
mod precondition;
mod problem;
mod publication;
mod query;
mod rendered;
mod request_metrics;
mod responses;
mod route;
mod router;
mod schema;
mod serve;
mod shop;
mod token;
mod unread;
mod writer;

pub use api::routes;
pub use body::BodyLimit;
pub use document::openapi;
pub use route::{Access, Caching, Idempotency, Route};
pub use router::router;
pub use serve::{Running, serve};
pub use shop::{MetricsPage, Shop, ShopSettings};

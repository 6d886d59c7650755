//! The native shell of `edge-core`: an HTTP server that answers catalogue reads from memory, asks
//! the origin for what it lacks, and passes everything else on.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod cache;
mod client_limit;
mod edge;
mod http;
mod metrics;
mod push;
mod server;
mod settings;
mod upstream;

pub mod conformance;

pub use server::{Running, serve};
pub use settings::{EdgeSettings, InvalidOrigin, Limits, Listen, ServeError};

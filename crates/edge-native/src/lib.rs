//! The native shell of `edge-core`: an HTTP server that answers catalogue reads from memory, asks
//! the origin for what it lacks, and passes everything else on.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod answer;
mod at_once;
mod body;
mod catalog;
mod collapse;
mod connect;
mod edge;
mod fill;
mod flights;
mod follow;
mod head;
mod interim;
mod kept;
mod lane;
mod limit;
mod lines;
mod measures;
mod origin;
mod problem;
mod proxy;
mod push;
mod reply;
mod server;
mod settings;
mod unpack;
mod unshared;
mod writer;

pub mod conformance;

pub use server::{Running, serve};
pub use settings::{EdgeSettings, InvalidOrigin, Limits, Listen, ServeError};

//! Notifies caches of a change as soon as it is in the change log: edges and origins by a signed push,
//! processes that share a Redis through it, Cloudflare by purges. And checks whether edges show it in
//! time.
//!
//! Correctness does not depend on any of this: caches follow the log themselves, so a lost
//! notification costs time and nothing else.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod announce;
mod dispatch;
mod http;
mod invalidator;
mod observe;
mod process;
mod purge;
mod push;

pub use http::ClientError;
pub use invalidator::{Invalidator, Parts, Running};
pub use process::{Arguments, run};

//! Tells everybody who caches of a change as soon as it is in the change log: edges and origins by
//! a signed push, whoever else listens through an announcer, Cloudflare by purges; and looks
//! whether they show it in time.
//!
//! All of it only makes caches faster to notice. What keeps them right is the rule by which they
//! follow the log themselves, so whatever is lost here costs time and nothing else.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod announce;
mod heard;
mod http;
mod invalidator;
mod observe;
mod process;
mod purge;
mod push;

pub use http::ClientError;
pub use invalidator::{Invalidator, Parts, Running};
pub use process::{Arguments, run};

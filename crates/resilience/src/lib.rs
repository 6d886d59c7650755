//! How to call what may fail: behind a breaker, within a deadline, again within a budget, and no
//! more often than was agreed.
//!
//! Layers from outside: deadline → retry → breaker → call; so an open breaker ends the retries at
//! once. The clock is tokio's: monotonic, so that a jump of the wall clock opens and closes nothing,
//! and a test or a simulation pauses it.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod breaker;
mod bucket;
mod deadline;
mod retry;

pub use breaker::{Breaker, CallError, Forced, Open, Permit, State, Verdict};
pub use bucket::TokenBucket;
pub use deadline::{Deadline, DeadlinePassed};
pub use retry::{Budget, Retry};

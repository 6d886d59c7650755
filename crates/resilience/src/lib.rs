//! Calls to services that may fail: deadlines, retries within a budget, circuit breakers, and a rate
//! that the caller keeps.
//!
//! Layers, outermost first: deadline → retry → breaker → call, so that an open breaker ends the
//! retries immediately. The clock is tokio's: it is monotonic, so that a change of the wall clock
//! opens or closes no breaker, and tests and simulations can pause it.

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

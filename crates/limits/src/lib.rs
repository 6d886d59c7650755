//! Rate limits as servers enforce them: which requests are admitted, which headers say so, and what
//! happens while requests can't be counted.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod deny_cache;
mod headers;
mod rate_limit;
mod rate_limits;

pub use deny_cache::DenyCache;
pub use headers::{RATELIMIT, RATELIMIT_POLICY};
pub use rate_limit::{Admission, RateLimit};
pub use rate_limits::RateLimits;

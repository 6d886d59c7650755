//! What the shop needs from outside, on AWS. The only crate that names a type of the AWS SDK.

// A print panics where its reader has gone, and waits where nobody reads: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod dynamo;
#[cfg(feature = "test-server")]
pub mod testing;

pub use dynamo::{DynamoItems, DynamoLimiter, DynamoSettings};

//! Adapters for AWS services, one folder per service. The only crate that names a type of the AWS SDK.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod dynamo;
mod sdk;
#[cfg(feature = "test-server")]
pub mod testing;

pub use dynamo::{DynamoItems, DynamoLimiter, DynamoSettings};

fn invalid(why: impl Into<std::borrow::Cow<'static, str>>) -> ports::PortError {
    ports::PortError::new(ports::PortErrorKind::Invalid, why)
}

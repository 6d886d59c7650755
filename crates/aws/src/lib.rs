//! What the shop needs from outside, on AWS. The only crate that names a type of the AWS SDK.

mod dynamo;
#[cfg(feature = "test-server")]
pub mod testing;

pub use dynamo::{DynamoItems, DynamoLimiter, DynamoSettings};

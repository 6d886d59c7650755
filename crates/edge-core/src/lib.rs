//! What the edge does, without doing it: which requests are cached reads, under which key, whether
//! an answer may be used, and how the edge proves who it is. No I/O, clock, environment or
//! randomness, so that the native shell, the Worker and the origin share every decision.

pub mod arrival;
pub mod auth;
pub mod cache_status;
pub mod client_addr;
pub mod conditional;
pub mod decision;
pub mod encoding;
mod failure;
pub mod fields;
pub mod follow;
pub mod framing;
pub mod headers;
pub mod host;
pub mod http;
mod key;
mod known;
pub mod parcel;
pub mod pause;
pub mod push;
pub mod route;
pub mod storage;
pub mod token;

pub use cache_status::CacheStatus;
pub use decision::{Decision, Entry};
pub use encoding::Encoding;
pub use failure::Failure;
pub use key::Key;
pub use known::Known;
pub use route::{Refusal, Route};

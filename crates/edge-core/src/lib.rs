//! What the edge does, without doing it: which requests are cached reads, under which key, whether
//! an answer may be used, and how the edge proves who it is. No I/O, clock, environment or
//! randomness, so that the native shell, the Worker and the origin share every decision.

pub mod auth;
pub mod browser;
pub mod cache_status;
pub mod client_addr;
pub mod conditional;
pub mod decision;
pub mod encoding;
pub mod envelope;
pub mod failure;
pub mod fetch;
pub mod fields;
pub mod follow;
pub mod framing;
pub mod headers;
pub mod host;
pub mod http;
mod key;
mod max_forwards;
pub mod origin_response;
mod own;
pub mod pause;
pub mod push;
pub mod route;
pub mod storage;
pub mod token;
mod unique;
mod valid_up_to;

pub use cache_status::CacheStatus;
pub use decision::{Decision, EntryMeta};
pub use encoding::Encoding;
pub use failure::Failure;
pub use key::Key;
pub use max_forwards::{FIELD as MAX_FORWARDS, MaxForwards};
pub use own::OwnRequests;
pub use route::{Refusal, Route};
pub use unique::unique;
pub use valid_up_to::ValidUpTo;

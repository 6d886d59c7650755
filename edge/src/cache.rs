//! Cached reads: this isolate's memory, the data centre's cache, and the way to the origin behind
//! them.

pub(crate) mod data_center;
pub(crate) mod fetch;
mod follow;
mod read;
mod read_your_writes;
pub(crate) mod store;

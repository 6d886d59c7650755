//! What a tier needs to keep answers without ever keeping one too long: a follower of the change
//! log, and a read-through cache that judges each entry by it.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod changes;
mod entry;
mod follower;
mod following;
mod loading;
mod mark;
mod metrics;
#[cfg(test)]
mod model;
mod own_log;
mod pauses;
mod read_through;
mod single_flight;
mod snapshot;
mod tier;
mod versions;

pub use changes::{ChangeLog, Changes, Flags, NoSink, Poll, ROWS_MAX, Sink};
pub use entry::{Answer, Filled, Origin, Weigh};
pub use follower::{FRESH_FOR, Follower, USABLE_FOR};
pub use following::RoundEnd;
pub use ports::{SharedCache, SharedEntry};
pub use read_through::{ReadThrough, ReadThroughSettings};
pub use single_flight::LoadError;
pub use snapshot::Snapshot;

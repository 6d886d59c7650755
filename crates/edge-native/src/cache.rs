//! Cached reads: the stored responses, the way to them, and the way to the origin behind them.

pub(crate) mod fast_hit;
pub(crate) mod fetch;
pub(crate) mod follow;
pub(crate) mod hit_for_miss;
pub(crate) mod read;
mod read_your_writes;
mod shared_fetch;
pub(crate) mod single_flight;
pub(crate) mod store;

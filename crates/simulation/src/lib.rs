//! A world to run the shop's code in that is the same each time: a clock that moves only while every
//! task waits, randomness from a seed, Items in memory, and faults in front of them.
//!
//! For tests alone; nothing that ships depends on it. A simulation runs on one current-thread runtime
//! whose time is paused ([`run`]); then a seed decides everything that happens.

mod clock;
mod entropy;
mod faults;
mod gradual;
mod life;
mod memory;
mod page;
mod runtime;
mod trace;

pub use clock::{HandSetWorld, SimulatedClock, SimulatedWorld};
pub use entropy::Entropy;
pub use faults::{FaultCounts, FaultRates, FaultyItems};
pub use gradual::GradualItems;
pub use memory::MemoryItems;
pub use runtime::run;
pub use trace::{Trace, TraceDigest};

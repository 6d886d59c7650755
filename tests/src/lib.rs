//! The shop as its clients see it: real processes on free ports, HTTP, and the command line.
//! Nothing in here knows a type of the shop's own.

mod answer;
pub mod catalogue;
mod endpoint;
mod process;
mod retail;
pub mod stale;
mod wait;
mod world;

pub use answer::Answer;
pub use endpoint::{Call, Endpoint};
pub use process::{Ended, Shop, with_open_files};
pub use retail::{Retail, RetailProduct};
pub use wait::{until, until_every, within};
pub use world::World;

//! Measures staleness: reads a sample of changed products through each edge, as a shopper would, until
//! the change is visible.

mod look;
mod sample;
mod watch;

pub(crate) use sample::{Sample, Samples};
pub(crate) use watch::{BOUND, Observer, observe};

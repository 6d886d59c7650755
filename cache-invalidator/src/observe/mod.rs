//! Whether edges keep their promise: of some changes it is looked, through each edge and as any
//! shopper would, when they show.

mod look;
mod sample;
mod watch;

pub(crate) use sample::{Sample, Samples};
pub(crate) use watch::{BOUND, Observer, observe};

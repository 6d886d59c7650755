//! The listening side of every HTTP server of the shop: HTTP/1.1 connections with a bound on each
//! wait, a bound on their number, and a rule for which one is closed when all places are taken.

mod activity;
mod bind;
mod body;
mod counters;
mod eviction;
mod interim;
mod registry;
mod server;
mod settings;
mod stream;

pub use activity::{Clock, Connection};
pub use bind::bind;
pub use body::TrackedBody;
pub use interim::InterimSender;
pub use server::{Handler, serve};
pub use settings::ServerSettings;
pub use stream::TrackedStream;

/// What hyper accepts as the error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

//! Purges at Cloudflare: tags are gathered, sent as often as the plan allows, and given up for one
//! `catalog` when there are too many of them or the API says no. Nothing queues for ever.

mod check;
mod cloudflare;
#[cfg(test)]
mod contract;
mod pending;
mod plan;
mod purger;

pub(crate) use cloudflare::Cloudflare;
pub(crate) use purger::Purges;

use std::time::Duration;

use async_trait::async_trait;
use domain::Tag;

/// The cache that is purged.
#[async_trait]
pub(crate) trait Purger: Send + Sync + 'static {
    /// Purges whatever has one of the tags: at most a hundred. To purge twice is to purge once.
    async fn purge(&self, tags: &[Tag]) -> Result<(), PurgeError>;
}

/// Why nothing was purged, and so what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PurgeError {
    #[error("asked too often; again in {0:?}")]
    Throttled(Duration),
    /// The request or the token is wrong: the same again is refused again.
    #[error("refused with {status} {codes:?}")]
    Refused { status: u16, codes: Vec<u64> },
    #[error("not to be had: {0}")]
    Unavailable(&'static str),
    #[error("not asked: the breaker is open for {0:?}")]
    Open(Duration),
}

//! Purges at Cloudflare: tags are batched and sent as often as the plan allows. When there are too many
//! of them, or the API refuses, they are replaced by `catalog`, which purges everything.

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
    /// Purges every response that has one of the tags, of which there are at most a hundred.
    /// Idempotent.
    async fn purge(&self, tags: &[Tag]) -> Result<(), PurgeError>;
}

/// Why nothing was purged; the kind says what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PurgeError {
    #[error("rate limited; retry in {0:?}")]
    Throttled(Duration),
    /// The request or the token is wrong: retrying the same is refused again.
    #[error("refused with status {status}, codes {codes:?}")]
    Refused { status: u16, codes: Vec<u64> },
    #[error("unavailable: {0}")]
    Unavailable(&'static str),
    #[error("not sent: the breaker is open for {0:?}")]
    Open(Duration),
}

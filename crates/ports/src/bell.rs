//! The news that the change log has grown, for other processes.

use async_trait::async_trait;
use domain::Stamp;

use crate::PortError;

/// Saves waiting and promises nothing: news may be lost, doubled or late.
#[async_trait]
pub trait Bell: Send + Sync + 'static {
    /// Tells whoever listens that the log's head is there.
    async fn ring(&self, head: &Stamp) -> Result<(), PortError>;

    /// Calls `heard` with each head that somebody tells, until it is dropped.
    async fn hear(&self, heard: &(dyn Fn(Stamp) + Send + Sync));
}

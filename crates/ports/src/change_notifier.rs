//! Notifications between processes that the change log has grown.

use async_trait::async_trait;
use domain::Stamp;

use crate::PortError;

/// Only shortens a wait: a notification may be lost, duplicated or late.
#[async_trait]
pub trait ChangeNotifier: Send + Sync + 'static {
    /// Notifies all subscribers that the head of the log is at `head`.
    async fn publish(&self, head: &Stamp) -> Result<(), PortError>;

    /// Calls `on_head` with each head that is published, until the returned future is dropped.
    async fn subscribe(&self, on_head: &(dyn Fn(Stamp) + Send + Sync));
}

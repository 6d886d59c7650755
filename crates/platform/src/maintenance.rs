//! The background tasks of the process that owns the store.

use std::sync::Arc;
use std::time::Duration;

use embedded::SqliteItems;
use ports::{PortError, World};
use store::Log;
use supervision::BackgroundTask;

/// The log's floor, and announcements owed by imports that were killed: often enough for the bound
/// of four seconds within which edges see a change.
const LOG_MAINTENANCE_EVERY: Duration = Duration::from_secs(1);
/// Expired items are never read; the sweep only frees their space.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// A sweep of millions of items takes minutes.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(600);

/// `swept` is a store that does not delete expired items by itself.
pub(crate) fn table(
    log: &Arc<Log>,
    swept: Option<&Arc<SqliteItems>>,
    world: &Arc<dyn World>,
) -> Vec<BackgroundTask> {
    let log = Arc::clone(log);
    let maintain_log = move || {
        let log = Arc::clone(&log);
        async move { log.maintain().await }
    };
    let sweep = swept.map(|items| {
        let (items, world) = (Arc::clone(items), Arc::clone(world));
        move || sweep(Arc::clone(&items), Arc::clone(&world))
    });

    let log = BackgroundTask::new("log-maintenance", LOG_MAINTENANCE_EVERY, maintain_log);
    let sweep = sweep
        .map(|run| BackgroundTask::new("expiry-sweep", SWEEP_EVERY, run).timeout(SWEEP_TIMEOUT));
    [log].into_iter().chain(sweep).collect()
}

async fn sweep(items: Arc<SqliteItems>, world: Arc<dyn World>) -> Result<(), PortError> {
    let now = i64::try_from(world.now().as_seconds()).unwrap_or(i64::MAX);
    let deleted = items.sweep(now).await?;

    tracing::debug!(deleted, "expired items deleted");
    Ok(())
}

//! Passes each row of the log on: its position to the announcers, its tags to the purges, a sample to
//! the observer.

use std::sync::Arc;

use async_trait::async_trait;
use cache::Sink;
use domain::{ChangeRow, Stamp, Tag};
use metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};
use ports::{PortError, World};
use tokio::sync::watch;

use crate::observe::Samples;
use crate::purge::Purges;

/// Passes rows on without waiting for any receiver, so that a slow one does not delay the position.
pub(crate) struct RowDispatcher {
    pub(crate) heads: watch::Sender<Option<Stamp>>,
    pub(crate) purges: Option<Purges>,
    pub(crate) samples: Option<Samples>,
    pub(crate) world: Arc<dyn World>,
    pub(crate) metrics: Metrics,
}

pub(crate) struct Metrics {
    rows: Counter,
    delay: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        describe_counter!(
            "invalidator_rows_total",
            "Rows of the change log that the invalidator has read"
        );
        describe_histogram!(
            "invalidator_heard_seconds",
            "Time from a row's commit until the invalidator has read it, by the clocks of both processes"
        );

        Self {
            rows: counter!("invalidator_rows_total"),
            delay: histogram!("invalidator_heard_seconds"),
        }
    }
}

#[async_trait]
impl Sink for RowDispatcher {
    /// Rows that are applied again are announced again, which is harmless.
    async fn apply(&self, rows: &[ChangeRow], position: &Stamp) -> Result<(), PortError> {
        let now = self.world.now();
        self.heads.send_replace(Some(position.clone()));

        if let Some(purges) = &self.purges {
            purges.add(rows.iter().flat_map(|row| &row.tags).cloned());
        }
        for row in rows {
            if let Some(samples) = &self.samples {
                samples.take(row);
            }
            self.metrics.delay.record(now.since(row.at));
        }
        self.metrics.rows.increment(rows.len() as u64);
        Ok(())
    }

    /// At the start nothing has to be purged. Later, a reset means that the store was restored or that
    /// rows were missed, so external caches may hold responses of another history.
    async fn reset(&self, head: &Stamp) -> Result<Stamp, PortError> {
        let before = self.heads.send_replace(Some(head.clone()));

        if let (Some(purges), Some(_)) = (&self.purges, before) {
            purges.add([Tag::CATALOG]);
        }
        Ok(head.clone())
    }
}

//! What happens with each row of the log, before anybody else is told that it is there.

use std::sync::Arc;

use async_trait::async_trait;
use cache::Sink;
use domain::{ChangeRow, Stamp, Tag};
use metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};
use ports::{PortError, World};
use tokio::sync::watch;

use crate::observe::Samples;
use crate::purge::Purges;

/// Hands rows on without waiting for anybody, so the position never stands still for a slow one.
pub(crate) struct Heard {
    pub(crate) heads: watch::Sender<Option<Stamp>>,
    pub(crate) purges: Option<Purges>,
    pub(crate) samples: Option<Samples>,
    pub(crate) world: Arc<dyn World>,
    pub(crate) measures: Measures,
}

pub(crate) struct Measures {
    rows: Counter,
    delay: Histogram,
}

impl Measures {
    pub(crate) fn new() -> Self {
        describe_counter!("invalidator_rows_total", "Rows of the change log that were heard of");
        describe_histogram!(
            "invalidator_heard_seconds",
            "From a row's commit until the invalidator had it, by both clocks"
        );

        Self {
            rows: counter!("invalidator_rows_total"),
            delay: histogram!("invalidator_heard_seconds"),
        }
    }
}

#[async_trait]
impl Sink for Heard {
    /// Rows that come again are told of again, which does no harm to anybody.
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
            self.measures.delay.record(now.since(row.at));
        }
        self.measures.rows.increment(rows.len() as u64);
        Ok(())
    }

    /// At the start nothing is known to have changed. Later it means that the store was restored or
    /// that rows were missed: whatever is cached outside may be of another history.
    async fn reset(&self, head: &Stamp) -> Result<Stamp, PortError> {
        let before = self.heads.send_replace(Some(head.clone()));

        if let (Some(purges), Some(_)) = (&self.purges, before) {
            purges.add([Tag::CATALOG]);
        }
        Ok(head.clone())
    }
}

//! What every repository works with: the engine, and the clock and entropy that go with it.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use ports::{Items, PortError, Query, Row, World};

/// A store's engine and its clock; cheap to clone.
#[derive(Clone)]
pub struct Db {
    pub(crate) items: Arc<dyn Items>,
    clock: Arc<dyn World>,
}

impl Db {
    pub fn new(items: Arc<dyn Items>, clock: Arc<dyn World>) -> Self {
        Self { items, clock }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn random(&self) -> u128 {
        self.clock.random()
    }

    /// All rows of a query, page by page; for partitions that are known to be small.
    pub(crate) async fn query_all(&self, mut query: Query) -> Result<Vec<Row>, PortError> {
        let mut rows = Vec::new();

        loop {
            let page = self.items.query(&query).await?;
            rows.extend(page.rows);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(rows),
            }
        }
    }

    /// Waits before attempt number `attempt + 1`: full jitter below 2, 4, 8 … ms, at most 128.
    pub(crate) async fn backoff(&self, attempt: u32) {
        let most = 2_000_u64 << attempt.min(6);
        let micros = self.random() as u64 % most;

        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
}

//! The store's change log as the source of rows for whoever stands next to the store.

use async_trait::async_trait;
use domain::{Seq, Stamp};
use ports::PortError;
use store::Log;

use crate::changes::{ChangeLog, Changes, ROWS_MAX};

#[async_trait]
impl ChangeLog for Log {
    /// The head first: rows that are committed while they are read come with the next call.
    async fn changes(&self, after: Option<&Stamp>) -> Result<Changes, PortError> {
        let head = self.head().await?;
        let rows = match after {
            Some(after) if after.log == head.log && after.seq < head.head => {
                self.rows(after.seq, ROWS_MAX as u32).await?
            }
            _ => Vec::new(),
        };
        // A row may be newer than the head that was read before it.
        let last = rows.last().map_or(Seq::ZERO, |row| row.seq);

        Ok(Changes {
            log: head.log,
            floor: head.floor,
            head: head.head.max(last),
            rows,
            tags: None,
            flags: None,
        })
    }
}

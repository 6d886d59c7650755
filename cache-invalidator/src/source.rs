//! The store's change log, as far as somebody needs it who judges no answers: rows after a
//! position, without tags of old rows and without flags.

use std::sync::Arc;

use async_trait::async_trait;
use cache::{ChangeLog, Changes, ROWS_MAX};
use domain::{Seq, Stamp};
use ports::{PortError, PortErrorKind};
use store::{Log, StoreError};

pub(crate) struct Rows(pub(crate) Arc<Log>);

#[async_trait]
impl ChangeLog for Rows {
    /// The head first: rows that are committed while they are read come with the next call.
    async fn changes(&self, after: Option<&Stamp>) -> Result<Changes, PortError> {
        let head = self.0.head().await.map_err(as_port)?;
        let rows = match after {
            Some(after) if after.log == head.log && after.seq < head.head => {
                self.0.rows(after.seq, ROWS_MAX as u32).await.map_err(as_port)?
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

fn as_port(error: StoreError) -> PortError {
    match error {
        StoreError::Port(error) => error,
        other => PortError::new(PortErrorKind::Unavailable, "read the change log").because(other),
    }
}

//! The store's own change log as a [`ChangeLog`], for processes with access to the store.

use async_trait::async_trait;
use domain::changes::Poll;
use domain::{ChangeRow, RowDigest, Seq};
use ports::PortError;
use store::{Head, Log};

use crate::changes::{ChangeLog, Changes};

#[async_trait]
impl ChangeLog for Log {
    /// The head first: rows that are committed while they are read come with the next call. It is
    /// asked for with what the poller has seen, so that a store that was put back is noticed here.
    async fn changes(&self, poll: &Poll) -> Result<Changes, PortError> {
        let head = self.head_for(poll).await?;
        let after =
            poll.after.as_ref().filter(|after| after.log == head.log).map(|after| after.seq);
        let (row, rows) = match after {
            Some(after) if after < head.head => self.rows_from(after).await?,
            Some(after) => (head.row.filter(|_| after == head.head), Vec::new()),
            None => (head.row, Vec::new()),
        };
        // A row may be newer than the head that was read before it.
        let last = rows.last().map_or(Seq::ZERO, |row| row.seq);

        Ok(page(head, rows, row, last))
    }
}

fn page(head: Head, rows: Vec<ChangeRow>, row: Option<RowDigest>, last: Seq) -> Changes {
    Changes {
        log: head.log,
        floor: head.floor,
        head: head.head.max(last),
        rows,
        row,
        tags: None,
        flags: None,
    }
}

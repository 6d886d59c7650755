//! Notices that the store was put back, and gives the log another name then: every cache of every
//! tier drops what it has of a log by another name.

use domain::changes::Poll;
use domain::{ChangeRow, LogId, RowDigest, Seq, Stamp, Standing};
use ports::{Condition, Update};

use super::{Head, Log};
use crate::write::WriteBatch;
use crate::{StoreError, keys};

/// Names that are remembered: who comes from an older one only costs the log another name.
const FORMERLY_MAX: usize = 16;

impl Head {
    fn standing(&self) -> Standing<'_> {
        Standing { log: &self.log, formerly: &self.formerly, head: self.head }
    }
}

impl Log {
    /// The head for a follower that polls; under another name, if what it has seen is not in this store any
    /// more.
    pub async fn head_for(&self, poll: &Poll) -> Result<Head, StoreError> {
        // The head first: whatever was seen before it was asked for is in the store or was undone.
        let head = self.head().await?;
        let Some(undone) = self.undone(&head, poll).await? else { return Ok(head) };

        tracing::warn!(
            log = %head.log,
            head = head.head.0,
            seen = %undone,
            "the store was put back: its change log gets another name, and caches start anew"
        );
        self.renamed(head, &[undone]).await
    }

    /// Gives the log another name. A follower of one of the logs `also` is expected, and does
    /// not make it take a third one.
    pub async fn renew(&self, also: &[LogId]) -> Result<LogId, StoreError> {
        let head = self.head().await?;

        self.renamed(head, also).await.map(|head| head.log)
    }

    /// The name of the log in which the follower has seen what is not in this one.
    async fn undone(&self, head: &Head, poll: &Poll) -> Result<Option<LogId>, StoreError> {
        let standing = head.standing();
        let at_position = poll.row_at_position();

        for seen in at_position.iter().chain(&poll.seen) {
            let there = self.digest_at(head, &seen.stamp()).await?;
            if standing.has_undone(seen, there) {
                return Ok(Some(seen.log.clone()));
            }
        }
        // Without a digest there is only the place to go by.
        let Some(after) = &poll.after else { return Ok(None) };
        let is_undone = standing.is_strange(&after.log)
            || (after.log == head.log
                && after.seq > head.head
                && self.digest_at(head, after).await?.is_none());
        Ok(is_undone.then(|| after.log.clone()))
    }

    /// Of the row that stands at a place of this log, if one does; of the last one without reading
    /// it.
    async fn digest_at(&self, head: &Head, at: &Stamp) -> Result<Option<RowDigest>, StoreError> {
        match head.row {
            _ if at.log != head.log => Ok(None),
            Some(row) if at.seq == head.head => Ok(Some(row)),
            _ => Ok(self.row(at.seq).await?.map(|row| row.digest())),
        }
    }

    async fn row(&self, seq: Seq) -> Result<Option<ChangeRow>, StoreError> {
        let found = self.db.items.get(&keys::log_row(seq)).await?;

        Ok(found.map(|row| row.parse("a row of the change log")).transpose()?)
    }

    /// Another process that renames it at the same time has done as well.
    async fn renamed(&self, head: Head, also: &[LogId]) -> Result<Head, StoreError> {
        let mut formerly = vec![head.log.as_str()];
        let others = also.iter().chain(&head.formerly).filter(|log| **log != head.log);
        formerly.extend(others.map(LogId::as_str));
        formerly.truncate(FORMERLY_MAX);
        let mut rename = WriteBatch::new();
        rename.update(
            keys::log_head(),
            vec![
                Update::Set("log".into(), self.fresh_id().as_str().into()),
                Update::Set("formerly".into(), formerly.into()),
            ],
            Condition::Equals("log".into(), head.log.as_str().into()),
        );

        self.db.commit_unless_stale(rename).await?;
        self.head().await
    }
}

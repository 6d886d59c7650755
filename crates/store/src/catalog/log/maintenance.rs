//! Log maintenance: keeps the promises of jobs that died, and raises the floor over old rows.

use std::time::Duration;

use domain::tags::Write;
use domain::{Seq, Timestamp};
use ports::{Condition, PAGE_MAX, Update};

use super::{Head, Log};
use crate::catalog::batch::CatalogBatch;
use crate::write::WriteBatch;
use crate::{StoreError, keys};

/// Answers live for a day past their time at most (stale-if-error); twice that is the floor's age.
const FLOOR_AGE: Duration = Duration::from_secs(48 * 3_600);
/// A job that has been quiet for so long has died.
const QUIET_AT_MOST: Duration = Duration::from_secs(3);

impl Log {
    /// Raises the floor over rows that are older than any cached answer, and keeps the promise of
    /// a job that died quietly. To be called every few seconds.
    pub async fn maintain(&self) -> Result<(), StoreError> {
        let head = self.head().await?;
        let now = self.db.now();

        if let Some(since) = head.quiet_since.filter(|since| now.since(*since) > QUIET_AT_MOST) {
            tracing::warn!(%since, "bulk job ended without its announcement; invalidating the whole catalogue");
            self.announce_everything().await?;
        }
        let floor = self.needed_after(&head, now).await?;
        if floor > head.floor {
            self.raise_floor(&head, floor).await?;
        }
        Ok(())
    }

    /// Appends a row that makes every cached answer of before invalid.
    pub async fn announce_everything(&self) -> Result<Seq, StoreError> {
        let mut everything = CatalogBatch::default();
        everything.tag(&Write::Everything);

        Ok(self.commit(&everything).await?.seq)
    }

    /// The greatest row that no cache needs any more.
    async fn needed_after(&self, head: &Head, now: Timestamp) -> Result<Seq, StoreError> {
        let cut = now.minus(FLOOR_AGE);
        // One row tells mostly that there is nothing to do; a page of an import's rows is long.
        let first = self.rows(head.floor, 1).await?;
        // Where no process maintained the log for a week, the next rows have expired: a follower that waited
        // for them would wait for ever, so the floor passes the gap.
        let Some(first) = first.first() else { return Ok(head.head) };
        let mut floor = Seq(first.seq.0.saturating_sub(1));
        if first.at >= cut {
            return Ok(floor);
        }

        let rows = self.rows(head.floor, PAGE_MAX).await?;
        for row in rows.iter().take_while(|row| row.at < cut) {
            floor = row.seq;
        }
        Ok(floor)
    }

    async fn raise_floor(&self, head: &Head, floor: Seq) -> Result<(), StoreError> {
        let mut raise = WriteBatch::new();
        raise.update(
            keys::log_head(),
            vec![Update::Set("floor".into(), floor.0.into())],
            Condition::All(vec![
                Condition::Equals("log".into(), head.log.as_str().into()),
                Condition::Equals("floor".into(), head.floor.0.into()),
            ]),
        );
        // Stale: another process maintains the log as well.
        self.db.commit_unless_stale(raise).await?;
        Ok(())
    }
}

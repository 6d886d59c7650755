//! The change log: every catalogue write appends one row in its own transaction, under a dense
//! number that the head hands out.

mod chain;
mod commit;
mod maintenance;
mod past;
mod row;

use std::time::Duration;

use domain::{ChangeRow, LogId, RowDigest, Seq, Stamp, Timestamp};
use ports::{Attributes, PAGE_MAX, Query, SortRange, Table};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::write::{ATTEMPTS_MAX, Db, WriteBatch};
use crate::{StoreError, keys};

pub(in crate::catalog) use row::Row;

/// DynamoDB makes the items of a transaction visible one by one, within milliseconds; the rest is
/// for clocks that differ.
pub(crate) const VISIBLE_AFTER: Duration = Duration::from_secs(2);

/// The log's head item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub log: LogId,
    /// The last row; 0 before the first one.
    pub head: Seq,
    /// No cache needs rows at or below any more.
    #[serde(default)]
    pub floor: Seq,
    /// Since when a job has been writing rows without tags, see `Row::quiet`.
    #[serde(default)]
    pub quiet_since: Option<Timestamp>,
    /// One of those rows took something from the public, so the row that names everything must say
    /// so for it.
    #[serde(default)]
    pub quiet_hard: bool,
    /// Of the last row, so that a follower that stands on it is known by one read. A store of an
    /// older build does not have it before its next write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<RowDigest>,
    /// What this log was called before, the newest first: who comes from there comes from this
    /// log's own past, and not from a store that was put back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<LogId>,
}

impl Head {
    pub(crate) fn place(&self) -> Stamp {
        Stamp { log: self.log.clone(), seq: self.head }
    }
}

/// Reads and appends. Appends of one process queue here instead of racing for the head. Only a
/// [`CatalogBatch`](super::batch::CatalogBatch) is appended, so that no other write, such as an
/// order's, ever waits for the head.
pub struct Log {
    db: Db,
    /// The head as this process saw it last; a stale one costs a try.
    head: Mutex<Option<Head>>,
}

impl Log {
    pub fn new(db: Db) -> Self {
        Self { db, head: Mutex::new(None) }
    }

    /// The head, strongly consistent; made if this store never had one.
    pub async fn head(&self) -> Result<Head, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            if let Some(item) = self.db.items.get(&keys::log_head()).await? {
                return Ok(item.parse("the log's head")?);
            }
            let head = Head {
                log: self.fresh_id(),
                head: Seq::ZERO,
                floor: Seq::ZERO,
                quiet_since: None,
                quiet_hard: false,
                row: None,
                formerly: Vec::new(),
            };
            let mut first = WriteBatch::new();
            first.put_new(keys::log_head(), Attributes::of(&head)?);
            // Another process may have made it: it is read again in either case.
            self.db.commit_unless_stale(first).await?;
        }
        Err(StoreError::Busy)
    }

    /// A name that no log ever had.
    fn fresh_id(&self) -> LogId {
        let id = format!("{:026X}", self.db.random() >> 32);

        LogId::new(id).expect("hexadecimal digits are letters and digits")
    }

    /// Up to `limit` rows after `after`, in order. A gap can show on an engine that makes the items
    /// of a transaction visible one by one; it is the reader's to stop there.
    pub async fn rows(&self, after: Seq, limit: u32) -> Result<Vec<ChangeRow>, StoreError> {
        let page = self.db.items.query(&rows_after(after).limit(limit)).await?;

        let rows = page.rows.into_iter().map(|row| row.attributes.parse("a row of the change log"));
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The digest of the row at `seq`, and the rows after it, by one read.
    pub async fn rows_from(
        &self,
        seq: Seq,
    ) -> Result<(Option<RowDigest>, Vec<ChangeRow>), StoreError> {
        let before = Seq(seq.0.saturating_sub(1));
        let mut rows = self.rows(before, PAGE_MAX).await?;
        let is_first = rows.first().is_some_and(|row| row.seq == seq);
        let row = is_first.then(|| rows.remove(0).digest());

        Ok((row, rows))
    }

    /// A place in the log up to which every read that begins now sees every item of every write.
    /// The head is no such place: it may be visible before the other items of its transaction.
    pub async fn visible(&self) -> Result<Stamp, StoreError> {
        let head = self.head().await?;
        let settled = self.db.now().minus(VISIBLE_AFTER);
        let newest = rows_after(head.floor).descending().limit(PAGE_MAX);
        let mut seq = head.floor;

        for row in self.db.items.query(&newest).await?.rows {
            let row: ChangeRow = row.attributes.parse("a row of the change log")?;
            // If all of a page is recent, the rows before it are not.
            seq = Seq(row.seq.0.saturating_sub(1));
            if row.at <= settled {
                seq = row.seq;
                break;
            }
        }
        Ok(Stamp { log: head.log, seq: seq.min(head.head) })
    }
}

fn rows_after(after: Seq) -> Query {
    let from = keys::log_row(after.next()).sk;
    let to = keys::log_row(Seq(u64::MAX)).sk;

    Query::partition(Table::Catalog, keys::LOG).sorted(SortRange::Between(from, to))
}

//! What writes leave behind: rows of the change log and of the audit list.

use domain::{ChangeRow, Seq, Tag};
use store::audit::AuditEntry;
use store::{Audit, StoreError};

use super::Shop;

/// What was appended while something ran.
#[derive(Debug)]
pub struct Appended {
    pub rows: Vec<ChangeRow>,
    pub audited: Vec<AuditEntry>,
}

impl Shop {
    pub async fn head(&self) -> Seq {
        self.log().head().await.unwrap().head
    }

    /// Every row of the log, checked to be dense.
    pub async fn rows(&self) -> Vec<ChangeRow> {
        let mut rows = Vec::new();
        let mut after = Seq::ZERO;
        loop {
            let page = self.log().rows(after, 1_000).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.seq;
            rows.extend(page);
        }

        let numbers: Vec<_> = rows.iter().map(|row| row.seq.0).collect();
        assert_eq!(numbers, (1..=rows.len() as u64).collect::<Vec<_>>(), "the log is dense");
        assert_eq!(self.head().await.0, rows.len() as u64, "the head is the last row");
        rows
    }

    pub async fn audited(&self) -> Vec<AuditEntry> {
        Audit::new(self.db()).list(None, 1_000).await.unwrap().0
    }

    /// Runs a write that succeeds; answers with what it left.
    pub async fn watch<T>(
        &self,
        write: impl Future<Output = Result<T, StoreError>>,
    ) -> (T, Appended) {
        let (rows, before) = (self.rows().await.len(), self.audited().await);

        let value = write.await.unwrap();

        let rows = self.rows().await.split_off(rows);
        let mut audited = self.audited().await;
        audited.retain(|entry| !before.contains(entry));
        (value, Appended { rows, audited })
    }
}

impl Appended {
    /// The one row and the one audit entry that a write leaves.
    pub fn one(self) -> (ChangeRow, AuditEntry) {
        let Self { mut rows, mut audited } = self;
        assert_eq!((rows.len(), audited.len()), (1, 1), "{rows:?} {audited:?}");

        (rows.remove(0), audited.remove(0))
    }

    pub fn is_nothing(&self) -> bool {
        self.rows.is_empty() && self.audited.is_empty()
    }
}

/// Whether a row has these tags and no other.
#[track_caller]
pub fn assert_tags(row: &ChangeRow, tags: impl IntoIterator<Item = Tag>) {
    let mut wanted: Vec<_> = tags.into_iter().collect();
    wanted.sort_unstable();
    wanted.dedup();

    assert_eq!(row.tags, wanted);
}

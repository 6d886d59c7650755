//! What a write says of itself in the change log.

use std::collections::BTreeSet;

use domain::{Change, Seq, Tag};

/// A row that has no number yet.
#[derive(Debug, Default)]
pub(in crate::catalog) struct Row {
    pub tags: BTreeSet<Tag>,
    pub changes: Vec<Change>,
    pub hard: bool,
    /// A job too large to name its tags one by one leaves them out and promises a row with
    /// [`Tag::CATALOG`]. The promise stands in the head item, so it outlives the job.
    pub quiet: bool,
    /// Only as the next row after this one.
    pub only_after: Option<Seq>,
}

impl Row {
    pub fn names_everything(&self) -> bool {
        self.tags.contains(&Tag::CATALOG)
    }
}

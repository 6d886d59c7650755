//! The progress of a job, stored in the same transaction as its rows, so that a killed run can resume.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use ports::{Attributes, Condition, Items, Key, Table, TransactError, Transaction, World};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::schema::TTL;

/// After a day the catalogue has moved on; the job begins anew, which costs reads alone.
const RESUMABLE_FOR: Duration = Duration::from_secs(24 * 3_600);

/// What became of the rows so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub refused: u64,
    /// Values that were left out or read otherwise, in rows that went in.
    #[serde(default)]
    pub warnings: u64,
}

/// How far a job is in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    #[serde(flatten)]
    pub tally: Tally,
    /// Read so far.
    pub bytes: u64,
    pub size_bytes: u64,
}

/// Names a job: the same bytes, mapping and currency are the same job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note(String);

pub(super) struct Notes {
    items: Arc<dyn Items>,
    world: Arc<dyn World>,
}

#[derive(Deserialize)]
struct StoredProgress {
    #[serde(flatten)]
    progress: Progress,
    expires_at: u64,
}

impl Tally {
    pub const fn rows(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.refused
    }
}

impl Note {
    pub(super) const fn of_digest(digest: String) -> Self {
        Self(digest)
    }

    fn key(&self) -> Key {
        Key::new(Table::Ephemeral, format!("import#{}", self.0), "progress")
    }
}

impl Notes {
    pub(super) const fn new(items: Arc<dyn Items>, world: Arc<dyn World>) -> Self {
        Self { items, world }
    }

    pub(super) async fn find(&self, note: &Note) -> Result<Option<Progress>, StoreError> {
        let Some(item) = self.items.get(&note.key()).await? else { return Ok(None) };
        let stored: StoredProgress = item.parse("the progress of an import")?;

        Ok((stored.expires_at > self.world.now().as_seconds()).then_some(stored.progress))
    }

    pub(super) fn checkpoint(
        &self,
        note: &Note,
        progress: &Progress,
    ) -> Result<store::bulk::Checkpoint, StoreError> {
        let expires_at: Timestamp = self.world.now().plus(RESUMABLE_FOR);

        Ok((note.key(), Attributes::of(progress)?.with(TTL, expires_at.as_seconds())))
    }

    pub(super) async fn forget(&self, note: &Note) -> Result<(), StoreError> {
        if self.items.get(&note.key()).await?.is_none() {
            return Ok(());
        }

        match self
            .items
            .transact(&Transaction::new().delete_if(note.key(), Condition::Exists))
            .await
        {
            Ok(()) | Err(TransactError::Cancelled(_) | TransactError::TokenReused) => Ok(()),
            Err(TransactError::Port(error)) => Err(error.into()),
        }
    }
}

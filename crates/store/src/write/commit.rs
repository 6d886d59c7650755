//! Commits a batch.

use ports::{TransactError, Transaction};

use super::retry::ATTEMPTS_MAX;
use crate::StoreError;
use crate::write::{Attempt, Db, WriteBatch, WriteConflict};

impl Db {
    /// Commits a batch, or nothing of it. Transient conflicts are retried with backoff; a failed
    /// condition is the caller's, since the same batch would fail again.
    pub async fn commit(&self, mut batch: WriteBatch) -> Attempt<()> {
        let actions = std::mem::take(batch.actions_mut());
        let mut transaction = Transaction { actions, token: None };

        for attempt in 0..ATTEMPTS_MAX {
            transaction.token = Some(self.fresh_token());
            match self.deliver(&transaction).await {
                Ok(()) => return Ok(()),
                Err(TransactError::Cancelled(reasons)) => {
                    if let Some(conflict) = batch.conflict(&reasons) {
                        return Err(conflict);
                    }
                }
                Err(TransactError::TokenReused) => return Err(StoreError::Busy.into()),
                Err(TransactError::Port(error)) => return Err(error.into()),
            }
            self.backoff(attempt).await;
        }
        Err(StoreError::Busy.into())
    }

    /// Commits a batch that another writer may make needless; answers whether it was committed.
    pub(crate) async fn commit_unless_stale(&self, batch: WriteBatch) -> Result<bool, StoreError> {
        match self.commit(batch).await {
            Ok(()) => Ok(true),
            Err(WriteConflict::Stale) => Ok(false),
            Err(conflict) => Err(conflict.into()),
        }
    }
}

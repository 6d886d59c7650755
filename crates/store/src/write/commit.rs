//! Plans a write until it commits, and sends one transaction until it is known what became of it.

use ports::{Cancellation, PortError, PortErrorKind, TransactError, Transaction};

use crate::StoreError;
use crate::write::{Attempt, Db, WriteBatch, WriteConflict};

/// Eight attempts with jitter pass any burst of admins; more would only hide a stuck item.
pub(crate) const ATTEMPTS_MAX: u32 = 8;
/// After so many unknown outcomes the caller is told that it is not known.
const UNKNOWN_MAX: u32 = 3;

impl Db {
    /// Attempts a write until it commits or fails for good; `Busy` after eight that were stale.
    pub(crate) async fn retry<T, F>(&self, attempt: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Attempt<T>>,
    {
        self.retry_up_to(ATTEMPTS_MAX, attempt).await
    }

    pub(crate) async fn retry_up_to<T, F>(
        &self,
        attempts: u32,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Attempt<T>>,
    {
        for tried in 0..attempts {
            match attempt().await {
                Ok(done) => return Ok(done),
                Err(WriteConflict::Stale) => self.backoff(tried).await,
                Err(conflict) => return Err(conflict.into()),
            }
        }
        Err(StoreError::Busy)
    }

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

    /// Retries unknown outcomes under the same token. After one of them even a conflict is
    /// inconclusive: the transaction may be in conflict with itself.
    pub(crate) async fn deliver(&self, transaction: &Transaction) -> Result<(), TransactError> {
        let (mut unknown, mut conflicts) = (0, 0);

        loop {
            match self.items.transact(transaction).await {
                Err(TransactError::Port(error)) if error.is_retryable() => {
                    unknown += 1;
                    if unknown >= UNKNOWN_MAX {
                        return Err(error.into());
                    }
                }
                Err(TransactError::Cancelled(reasons))
                    if unknown > 0 && !has_failed_condition(&reasons) =>
                {
                    conflicts += 1;
                    if conflicts >= ATTEMPTS_MAX {
                        let what = "in conflict since its answer was lost";
                        return Err(PortError::new(PortErrorKind::Unavailable, what).into());
                    }
                }
                answer => return answer,
            }
            self.backoff(unknown + conflicts).await;
        }
    }

    /// 32 characters that no other transaction has.
    pub(crate) fn fresh_token(&self) -> String {
        format!("{:032x}", self.random())
    }
}

fn has_failed_condition(reasons: &[Option<Cancellation>]) -> bool {
    reasons.iter().any(|reason| matches!(reason, Some(Cancellation::ConditionFailed { .. })))
}

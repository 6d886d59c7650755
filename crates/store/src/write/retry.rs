//! Plans a write again when what it was planned from has changed.

use crate::StoreError;
use crate::write::{Attempt, Db, WriteConflict};

/// Eight attempts with jitter pass any burst of admins; more would only hide a stuck item.
pub(crate) const ATTEMPTS_MAX: u32 = 8;

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
}

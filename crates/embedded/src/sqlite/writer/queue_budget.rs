//! How much may wait for the writer, so that a slow disk fills neither the memory nor the minutes
//! after it.

use std::sync::Arc;
use std::time::Duration;

use ports::{PortError, PortErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time;

/// 32 MB.
const CAPACITY_KILOBYTES: usize = 32 * 1_024;

/// What the smallest job counts for, so that at most 1,024 wait.
const JOB_KILOBYTES_MIN: usize = 32;

/// A job that found no space by then is refused: it has certainly not run.
const TIMEOUT: Duration = Duration::from_secs(5);

/// First come, first served.
pub(super) struct QueueBudget(Arc<Semaphore>);

impl QueueBudget {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(CAPACITY_KILOBYTES)))
    }

    /// Space for a job, returned when the permit is dropped; `Throttled` if there is none in time.
    pub(super) async fn acquire(
        &self,
        size_bytes: usize,
    ) -> Result<OwnedSemaphorePermit, PortError> {
        let space = self.0.clone().acquire_many_owned(kilobytes(size_bytes));

        match time::timeout(TIMEOUT, space).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(PortError::new(PortErrorKind::Throttled, "wait for the writer")),
        }
    }
}

fn kilobytes(size_bytes: usize) -> u32 {
    // A job that is larger than the whole queue may still run, alone.
    let kilobytes = (size_bytes / 1_024).clamp(JOB_KILOBYTES_MIN, CAPACITY_KILOBYTES);

    u32::try_from(kilobytes).expect("the capacity is a few thousand kilobytes")
}

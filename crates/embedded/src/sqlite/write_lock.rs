//! The lock that a process holds while it commits or checkpoints.
//!
//! SQLite has a lock of its own, but up to 3.51.2 (this program bundles 3.49.2) a checkpoint that
//! runs while another connection commits can lose that commit ("The WAL-Reset Bug",
//! sqlite.org/wal.html). Every commit and every checkpoint here holds this lock, so the two never
//! overlap.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ports::{PortError, PortErrorKind};

use super::companions::{self, WRITE_LOCK};
use super::{error, permissions};

/// The largest group takes a second on a slow disk.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Between two attempts; short compared with a commit to disk (1 to 10 ms).
pub(super) const RETRY_INTERVAL: Duration = Duration::from_millis(1);

pub(super) struct WriteLock(File);

/// Releases the lock when dropped.
pub(super) struct WriteGuard<'a>(&'a File);

impl WriteLock {
    pub(super) fn open(database: &Path) -> Result<Self, PortError> {
        let file = permissions::open_or_create(&companions::path(database, WRITE_LOCK));

        file.map(Self).map_err(|error| error::unavailable("open the lock file").because(error))
    }

    /// `Conflict` if other processes keep the lock for too long.
    pub(super) fn acquire(&self) -> Result<WriteGuard<'_>, PortError> {
        self.acquire_within(TIMEOUT)
    }

    /// The machine's monotonic clock: it bounds a wait for other processes and decides nothing that
    /// is stored.
    fn acquire_within(&self, timeout: Duration) -> Result<WriteGuard<'_>, PortError> {
        let started = Instant::now();

        loop {
            match self.0.try_lock() {
                Ok(()) => return Ok(WriteGuard(&self.0)),
                Err(TryLockError::WouldBlock) if started.elapsed() < timeout => {
                    thread::sleep(RETRY_INTERVAL);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(PortError::new(
                        PortErrorKind::Conflict,
                        "acquire the write lock, which another process holds",
                    ));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error::unavailable("acquire the write lock").because(error));
                }
            }
        }
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::error!(%error, "the database's write lock could not be released");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_the_lock_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("shop.db");
        let one = WriteLock::open(&database).unwrap();
        let other = WriteLock::open(&database).unwrap();

        let guard = one.acquire().unwrap();
        let refused = other.acquire_within(Duration::from_millis(5)).err();
        drop(guard);

        assert_eq!(refused.unwrap().kind, PortErrorKind::Conflict);
        assert!(other.acquire().is_ok());
    }
}

//! The turn to write: a lock beside the database that processes take one after the other.
//!
//! SQLite has a lock of its own, but up to 3.51.2 (we bundle 3.49.2) a checkpoint that runs while
//! another connection commits can lose that commit ("The WAL-Reset Bug", sqlite.org/wal.html).
//! Whoever commits or checkpoints here holds the turn, so the two never overlap.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use ports::{PortError, PortErrorKind};

use super::{failure, files};

/// How long one waits for the others. The largest group takes a second on a slow disk.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks at the lock: short beside a commit to disk (1 to 10 ms).
const LOOK_AGAIN: Duration = Duration::from_millis(1);

pub(crate) struct Turn(File);

/// The turn, until dropped.
pub(crate) struct Held<'a>(&'a File);

impl Turn {
    pub(crate) fn open(database: &Path) -> Result<Self, PortError> {
        let file = files::open_or_make(&beside(database));

        file.map(Self).map_err(|error| failure::unavailable("open the lock file").because(error))
    }

    /// `Conflict` if the others don't let go of it in time.
    pub(crate) fn take(&self) -> Result<Held<'_>, PortError> {
        self.take_within(PATIENCE)
    }

    fn take_within(&self, patience: Duration) -> Result<Held<'_>, PortError> {
        let began = Instant::now();

        loop {
            match self.0.try_lock() {
                Ok(()) => return Ok(Held(&self.0)),
                Err(TryLockError::WouldBlock) if began.elapsed() < patience => {
                    thread::sleep(LOOK_AGAIN);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(PortError::new(
                        PortErrorKind::Conflict,
                        "another process keeps the turn to write",
                    ));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(failure::unavailable("take the turn to write").because(error));
                }
            }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::error!(%error, "the turn to write could not be given back");
        }
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-turn");
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_the_turn_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("shop.db");
        let (one, other) = (Turn::open(&database).unwrap(), Turn::open(&database).unwrap());

        let held = one.take().unwrap();
        let refused = other.take_within(Duration::from_millis(5)).err();
        drop(held);

        assert_eq!(refused.unwrap().kind, PortErrorKind::Conflict);
        assert!(other.take().is_ok());
    }
}

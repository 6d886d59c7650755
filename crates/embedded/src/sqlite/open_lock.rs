//! Which processes have the database open: a lock file that all of them share, and that a process
//! that replaces the database needs exclusively.

use std::fs::{File, TryLockError};
use std::path::Path;

use ports::{PortError, PortErrorKind};

use super::companions::{self, OPEN_LOCK};
use super::{error, permissions};

/// Held until dropped.
#[derive(Debug)]
pub(super) struct OpenLock {
    _locked: File,
}

impl OpenLock {
    /// `Conflict` while the file is being replaced.
    pub(super) fn shared(database: &Path) -> Result<Self, PortError> {
        let file = open(database)?;

        acquired(file.try_lock_shared(), "open the database, which is being replaced")?;
        Ok(Self { _locked: file })
    }

    /// `Conflict` while any process has the database open.
    pub(super) fn exclusive(database: &Path) -> Result<Self, PortError> {
        let file = open(database)?;

        acquired(file.try_lock(), "replace the database, which another process has open")?;
        Ok(Self { _locked: file })
    }
}

fn open(database: &Path) -> Result<File, PortError> {
    permissions::open_or_create(&companions::path(database, OPEN_LOCK))
        .map_err(|error| error::unavailable("open the lock file").because(error))
}

fn acquired(locked: Result<(), TryLockError>, attempted: &'static str) -> Result<(), PortError> {
    locked.map_err(|refused| match refused {
        TryLockError::WouldBlock => PortError::new(PortErrorKind::Conflict, attempted),
        TryLockError::Error(error) => error::unavailable(attempted).because(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_processes_have_it_open_or_one_replaces_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("shop.db");
        let (one, other) = (OpenLock::shared(&database), OpenLock::shared(&database));

        let refused = OpenLock::exclusive(&database);
        drop((one.unwrap(), other.unwrap()));
        let exclusive = OpenLock::exclusive(&database).unwrap();

        assert_eq!(refused.unwrap_err().kind, PortErrorKind::Conflict);
        assert_eq!(OpenLock::shared(&database).unwrap_err().kind, PortErrorKind::Conflict);
        drop(exclusive);
        assert!(OpenLock::shared(&database).is_ok());
    }
}

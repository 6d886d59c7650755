//! Who has the database open: a lock beside it that every process shares, and that whoever replaces
//! the file must have alone.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use ports::{PortError, PortErrorKind};

use super::{failure, files};

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct Presence {
    _locked: File,
}

impl Presence {
    /// `Conflict` while the file is being replaced.
    pub(crate) fn shared(database: &Path) -> Result<Self, PortError> {
        let file = open(database)?;

        taken(file.try_lock_shared(), "open the database, which is being replaced")?;
        Ok(Self { _locked: file })
    }

    /// `Conflict` while any process has the database open.
    pub(crate) fn alone(database: &Path) -> Result<Self, PortError> {
        let file = open(database)?;

        taken(file.try_lock(), "replace the database, which another process has open")?;
        Ok(Self { _locked: file })
    }
}

fn open(database: &Path) -> Result<File, PortError> {
    let mut path = database.as_os_str().to_owned();
    path.push("-open");

    files::open_or_make(&PathBuf::from(path))
        .map_err(|error| failure::unavailable("open the lock file").because(error))
}

fn taken(locked: Result<(), TryLockError>, attempted: &'static str) -> Result<(), PortError> {
    locked.map_err(|refused| match refused {
        TryLockError::WouldBlock => PortError::new(PortErrorKind::Conflict, attempted),
        TryLockError::Error(error) => failure::unavailable(attempted).because(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_have_it_open_or_one_replaces_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("shop.db");
        let (one, other) = (Presence::shared(&database), Presence::shared(&database));

        let refused = Presence::alone(&database);
        drop((one.unwrap(), other.unwrap()));
        let alone = Presence::alone(&database).unwrap();

        assert_eq!(refused.unwrap_err().kind, PortErrorKind::Conflict);
        assert_eq!(Presence::shared(&database).unwrap_err().kind, PortErrorKind::Conflict);
        drop(alone);
        assert!(Presence::shared(&database).is_ok());
    }
}

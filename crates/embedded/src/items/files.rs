//! The database's files are for their owner alone: they hold customers' data.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// What stands beside a database: SQLite's log, its index, a journal, and the locks of writers and
/// of those who have it open.
const BESIDE: [&str; 6] = ["", "-wal", "-shm", "-journal", "-turn", "-open"];
#[cfg(unix)]
const OWNER_ALONE: u32 = 0o600;

pub(crate) fn open_or_make(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, OWNER_ALONE);

    options.open(path)
}

/// Takes from others what an older build, or a copy, let them have; says so once.
#[cfg(unix)]
pub(crate) fn tighten(database: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let mut tightened = Vec::new();
    for end in BESIDE {
        let mut path = database.as_os_str().to_owned();
        path.push(end);
        let mode = match fs::metadata(&path) {
            Ok(found) => found.permissions().mode() & 0o777,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if mode & 0o077 != 0 {
            match fs::set_permissions(&path, fs::Permissions::from_mode(OWNER_ALONE)) {
                Ok(()) => tightened.push(path),
                // Another process has removed the log meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    tracing::warn!(file = ?path, "others may read it, and its owner is somebody else");
                }
                Err(error) => return Err(error),
            }
        }
    }
    if !tightened.is_empty() {
        tracing::warn!(files = ?tightened, "others could read the database; now its owner alone can");
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn tighten(_: &Path) -> io::Result<()> {
    Ok(())
}

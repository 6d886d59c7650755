//! The database's files are readable by their owner only: they hold customers' data.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::companions::{self, JOURNAL, OPEN_LOCK, SHARED_MEMORY, WAL, WRITE_LOCK};

#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;

/// The database itself and everything beside it.
#[cfg(unix)]
const SUFFIXES: [&str; 6] = ["", WAL, SHARED_MEMORY, JOURNAL, WRITE_LOCK, OPEN_LOCK];

pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    owner_only(&mut options);

    options.open(path)
}

/// Fails if the file exists.
pub(super) fn create_new(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    owner_only(&mut options);

    options.open(path).map(drop)
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, OWNER_ONLY);
}

#[cfg(not(unix))]
fn owner_only(_: &mut OpenOptions) {}

/// Removes the permissions that an older build, or a copy, left to other users; logs it once.
#[cfg(unix)]
pub(super) fn restrict(database: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let mut restricted = Vec::new();
    for suffix in SUFFIXES {
        let path = companions::path(database, suffix);
        let mode = match fs::metadata(&path) {
            Ok(found) => found.permissions().mode() & 0o777,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if mode & 0o077 == 0 {
            continue;
        }
        match fs::set_permissions(&path, fs::Permissions::from_mode(OWNER_ONLY)) {
            Ok(()) => restricted.push(path),
            // Another process has removed the log in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                tracing::warn!(
                    file = ?path,
                    "other users may read this file, and it belongs to a different user"
                );
            }
            Err(error) => return Err(error),
        }
    }
    if !restricted.is_empty() {
        tracing::warn!(
            files = ?restricted,
            "other users could read the database; it is now readable by its owner only"
        );
    }
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn restrict(_: &Path) -> io::Result<()> {
    Ok(())
}

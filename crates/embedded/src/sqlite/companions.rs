//! The files that stand beside a database: SQLite's own, and the two lock files of this program.

use std::path::{Path, PathBuf};

pub(super) const WAL: &str = "-wal";
pub(super) const SHARED_MEMORY: &str = "-shm";
pub(super) const JOURNAL: &str = "-journal";

/// The names of both locks are a contract with every other build that has the file open: two builds
/// that lock different files would not exclude each other.
pub(super) const WRITE_LOCK: &str = "-turn";
pub(super) const OPEN_LOCK: &str = "-open";

pub(super) fn path(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

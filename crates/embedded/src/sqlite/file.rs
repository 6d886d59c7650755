//! The database as a file: copied beside a running shop, checked, and replaced by another one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ports::{PortError, PortErrorKind};
use rusqlite::{Connection, OpenFlags};

use super::companions::{self, OPEN_LOCK, SHARED_MEMORY, WAL, WRITE_LOCK};
use super::open_lock::OpenLock;
use super::{connection, error, permissions, version};

/// A database that no other process has open, until dropped.
pub struct ExclusiveFile {
    path: PathBuf,
    _open_lock: OpenLock,
}

/// Copies a database into a new file, readable by its owner only, as it is at one moment; other
/// processes may write to it meanwhile.
///
/// # Errors
/// `Corrupt` if it can't be read, or is not a shop's database.
pub fn copy(from: &Path, to: &Path) -> Result<(), PortError> {
    let source = open_to_read(from)?;
    version::refuse_newer(&source)?;
    version::refuse_foreign(&source)?;
    let target = to.to_str().ok_or_else(|| error::invalid("the copy's path is not UTF-8"))?;
    permissions::create_new(to).map_err(unavailable("create the copy"))?;

    let copied = source.execute("VACUUM INTO ?1", [target]);
    copied.map_err(error::sqlite("copy the database"))?;
    // SQLite does not wait for the disk here.
    File::open(to).and_then(|file| file.sync_all()).map_err(unavailable("write the copy to disk"))
}

/// Reads all of a database.
///
/// # Errors
/// `Corrupt` with what is wrong.
pub fn check(path: &Path) -> Result<(), PortError> {
    let database = open_to_read(path)?;
    let verdict: String = database
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(error::sqlite("check the database"))?;

    match verdict.as_str() {
        "ok" => Ok(()),
        _ => Err(PortError::new(PortErrorKind::Corrupt, "check the database").because(verdict)),
    }
}

/// Removes the log and the lock files beside a database that no process has open.
pub fn remove_companions(path: &Path) -> io::Result<()> {
    let mut suffixes = [WAL, SHARED_MEMORY, WRITE_LOCK, OPEN_LOCK].into_iter();

    suffixes.try_for_each(|suffix| absent_is_fine(fs::remove_file(companions::path(path, suffix))))
}

impl ExclusiveFile {
    /// `Conflict` while any process has it open.
    pub fn lock(path: &Path) -> Result<Self, PortError> {
        Ok(Self { path: path.to_owned(), _open_lock: OpenLock::exclusive(path)? })
    }

    /// Puts another file in the place of the database, in one step, and keeps the old database under
    /// its name and `old_suffix`, which no file has yet. Both files are in the same folder.
    pub fn replace_by(&self, new: &Path, old_suffix: &str) -> io::Result<()> {
        let old = companions::path(&self.path, old_suffix);

        // A log that was not written back belongs to the old database only: SQLite would replay it
        // into the new one.
        for suffix in [WAL, SHARED_MEMORY] {
            let (from, to) = (companions::path(&self.path, suffix), companions::path(&old, suffix));
            absent_is_fine(fs::rename(from, to))?;
        }
        absent_is_fine(fs::hard_link(&self.path, &old))?;
        fs::rename(new, &self.path)?;
        match self.path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

fn open_to_read(path: &Path) -> Result<Connection, PortError> {
    let failed = error::sqlite("open the database");
    let open = |access| {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(path, flags)?;
        database.busy_timeout(connection::BUSY_TIMEOUT)?;
        // Opening alone reads nothing.
        database.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
        Ok(database)
    };
    let read_only = open(OpenFlags::SQLITE_OPEN_READ_ONLY);

    // The log of a process that was killed has to be recovered first, which needs write access.
    read_only.or_else(|_| open(OpenFlags::SQLITE_OPEN_READ_WRITE)).map_err(failed)
}

fn absent_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn unavailable(attempted: &'static str) -> impl Fn(io::Error) -> PortError {
    move |error| error::unavailable(attempted).because(error)
}

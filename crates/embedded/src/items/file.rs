//! The database as a file: copied beside a running shop, checked, and put in the place of another.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use ports::{PortError, PortErrorKind};
use rusqlite::{Connection, OpenFlags};

use super::presence::Presence;
use super::{connection, failure};

/// A database that nobody else has open, until dropped.
pub struct AloneOn {
    path: PathBuf,
    _presence: Presence,
}

/// What SQLite keeps beside a database, and what processes lock.
const BESIDE: [&str; 4] = ["-wal", "-shm", "-turn", "-open"];

/// Copies a database into a new file, for its owner alone, as it is at one moment; other processes
/// may write to it meanwhile.
///
/// # Errors
/// `Corrupt` if it can't be read, or is no database of a shop.
pub fn copy(from: &Path, to: &Path) -> Result<(), PortError> {
    let source = open_to_read(from)?;
    connection::refuse_newer(&source)?;
    refuse_strange(&source)?;
    let target = to.to_str().ok_or_else(|| failure::invalid("the copy's path is not UTF-8"))?;
    new_file(to).map_err(unavailable("make the copy"))?;

    let copied = source.execute("VACUUM INTO ?1", [target]);
    copied.map_err(failure::of("copy the database"))?;
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
        .map_err(failure::of("check the database"))?;

    match verdict.as_str() {
        "ok" => Ok(()),
        _ => Err(PortError::new(PortErrorKind::Corrupt, "check the database").because(verdict)),
    }
}

/// Removes what is beside a database that nobody has open.
pub fn tidy(path: &Path) -> io::Result<()> {
    BESIDE.iter().try_for_each(|suffix| absent_is_fine(fs::remove_file(beside(path, suffix))))
}

impl AloneOn {
    /// `Conflict` while any process has it open.
    pub fn take(path: &Path) -> Result<Self, PortError> {
        Ok(Self { path: path.to_owned(), _presence: Presence::alone(path)? })
    }

    /// Puts a file in the place of the database, in one step, and keeps the old one under another
    /// name. Both are in the same folder.
    pub fn replace_by(&self, new: &Path, old_name: &str) -> io::Result<()> {
        let kept = beside(&self.path, old_name);

        // What is not written back of the old one belongs to it alone: SQLite would play it into
        // the new one.
        for suffix in ["-wal", "-shm"] {
            let (from, to) = (beside(&self.path, suffix), beside(&kept, suffix));
            absent_is_fine(fs::rename(from, to))?;
        }
        absent_is_fine(fs::remove_file(&kept))?;
        absent_is_fine(fs::hard_link(&self.path, &kept))?;
        fs::rename(new, &self.path)?;
        match self.path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn open_to_read(path: &Path) -> Result<Connection, PortError> {
    let failed = failure::of("open the database");
    let open = |access| {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(path, flags)?;
        database.busy_timeout(connection::BUSY)?;
        // Opening alone reads nothing.
        database.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
        Ok(database)
    };
    let read_only = open(OpenFlags::SQLITE_OPEN_READ_ONLY);

    // What a killed shop has left beside its database has to be worked through first.
    read_only.or_else(|_| open(OpenFlags::SQLITE_OPEN_READ_WRITE)).map_err(failed)
}

/// Another program's database is as readable as ours.
fn refuse_strange(database: &Connection) -> Result<(), PortError> {
    let sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'tokens'";
    let ours: i64 = database
        .query_row(sql, [], |row| row.get(0))
        .map_err(failure::of("read the database's tables"))?;

    match ours {
        1 => Ok(()),
        _ => Err(PortError::new(PortErrorKind::Corrupt, "read it: it is no database of a shop")),
    }
}

fn new_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);

    options.open(path).map(drop)
}

fn absent_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn unavailable(attempted: &'static str) -> impl Fn(io::Error) -> PortError {
    move |error| failure::unavailable(attempted).because(error)
}

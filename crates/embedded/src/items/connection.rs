//! Connections to the file, and how they are set.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ports::{PortError, PortErrorKind};
use rusqlite::{Connection, OpenFlags};

use super::{failure, files, schema};

/// Who waits for SQLite's own lock waits for somebody who does not take turns (a person with the
/// `sqlite3` command), or for a recovery after a crash.
pub(crate) const BUSY: Duration = Duration::from_secs(5);

/// Every statement of six tables with three indexes each, and more.
const STATEMENTS: usize = 128;

/// 32 MB for the writer and 8 MB for each reader, in KiB, negative as SQLite wants it.
const WRITER_CACHE: i64 = -32_768;
const READER_CACHE: i64 = -8_192;

/// The log is written back each 16 MB (in pages of 4 KiB).
const CHECKPOINT_PAGES: i64 = 4_096;

/// Makes the folder and the file, which its owner alone may read: it holds customers' data. SQLite
/// gives the files that it makes beside it the same mode.
pub(crate) fn prepare_file(path: &Path) -> Result<(), PortError> {
    let refused = |error| failure::unavailable("make the database file").because(error);

    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(refused)?;
    }
    files::open_or_make(path).map_err(refused)?;
    files::tighten(path).map_err(refused)
}

/// The connection of the one thread that writes.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, PortError> {
    let connection = open(path, WRITER_CACHE)?;

    // Before anything is written: a file of a newer build stays as it is.
    refuse_newer(&connection)?;
    configure(&connection).map_err(failure::of("set the database up"))?;
    Ok(connection)
}

/// A connection that can't write.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, PortError> {
    let connection = open(path, READER_CACHE)?;

    connection.pragma_update(None, "query_only", true).map_err(failure::of("set a reader up"))?;
    Ok(connection)
}

fn open(path: &Path, cache: i64) -> Result<Connection, PortError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = failure::of("open the database");

    let connection = Connection::open_with_flags(path, flags).map_err(&failed)?;
    connection.busy_timeout(BUSY).map_err(&failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "cache_size", cache).map_err(&failed)?;
    Ok(connection)
}

pub(crate) fn refuse_newer(connection: &Connection) -> Result<(), PortError> {
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failure::of("read the database's version"))?;

    if version <= schema::VERSION {
        return Ok(());
    }
    let known = schema::VERSION;
    let why = format!(
        "the database has version {version}, written by a newer build; this one reads up to {known}"
    );
    Err(PortError::new(PortErrorKind::Corrupt, why))
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // A commit is on the disk when it is answered; on macOS that takes a stronger call.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
}

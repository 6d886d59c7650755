//! Connections to the file, and how they are configured.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ports::PortError;
use rusqlite::{Connection, OpenFlags};

use super::{error, permissions, version};

/// How long a connection waits for SQLite's own lock. This program's processes take the write lock
/// first, so it is held only by other programs (the `sqlite3` command) or by a recovery after a
/// crash.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Every statement of six tables with three indexes each, with a margin.
const CACHED_STATEMENTS: usize = 128;

/// 32 MB for the writer and 8 MB for each reader, in KiB. SQLite reads a positive number as pages
/// and a negative one as KiB.
const WRITER_CACHE: i64 = -32_768;
const READER_CACHE: i64 = -8_192;

/// The log is written back every 16 MB (in pages of 4 KiB).
const CHECKPOINT_PAGES: i64 = 4_096;

/// Creates the folder and the file, readable by its owner only since it holds customers' data.
/// SQLite gives the files that it creates beside it the same mode.
pub(super) fn prepare_file(path: &Path) -> Result<(), PortError> {
    let failed = |error| error::unavailable("create the database file").because(error);

    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    permissions::open_or_create(path).map_err(failed)?;
    permissions::restrict(path).map_err(failed)
}

/// The connection of the thread that writes.
pub(super) fn open_writer(path: &Path) -> Result<Connection, PortError> {
    let connection = open(path, WRITER_CACHE)?;

    // Before anything is written: a newer build's file stays as it is.
    version::refuse_newer(&connection)?;
    configure_writer(&connection).map_err(error::sqlite("configure the database"))?;
    Ok(connection)
}

/// A connection that can't write.
pub(super) fn open_reader(path: &Path) -> Result<Connection, PortError> {
    let connection = open(path, READER_CACHE)?;

    connection
        .pragma_update(None, "query_only", true)
        .map_err(error::sqlite("configure a reader"))?;
    Ok(connection)
}

fn open(path: &Path, cache: i64) -> Result<Connection, PortError> {
    // Each connection is used by one thread at a time, so SQLite need not lock it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = error::sqlite("open the database");

    let connection = Connection::open_with_flags(path, flags).map_err(&failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(&failed)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection.pragma_update(None, "cache_size", cache).map_err(&failed)?;
    Ok(connection)
}

fn configure_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // A commit is on the disk before it is answered; on macOS that takes a stronger system call.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
}

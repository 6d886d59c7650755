//! The version of the file's layout, and the transaction that creates its tables.

use ports::{PortError, PortErrorKind};
use rusqlite::Connection;

use super::error;

/// Stored in `PRAGMA user_version`; raised when an older build could no longer read or write the
/// file.
const VERSION: i64 = 1;

/// A table that every shop's database has had since version 1, whatever else is in it.
const IDENTIFYING_TABLE: &str = "tokens";

pub(super) fn refuse_newer(connection: &Connection) -> Result<(), PortError> {
    let version = read(connection).map_err(error::sqlite("read the database's version"))?;

    if version <= VERSION {
        return Ok(());
    }
    let why = format!(
        "the database has version {version}, written by a newer build; this build reads versions \
         up to {VERSION}"
    );
    Err(PortError::new(PortErrorKind::Corrupt, why))
}

/// Another program's database is as readable as a shop's.
pub(super) fn refuse_foreign(connection: &Connection) -> Result<(), PortError> {
    let sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1";
    let tables: i64 = connection
        .query_row(sql, [IDENTIFYING_TABLE], |row| row.get(0))
        .map_err(error::sqlite("read the database's tables"))?;

    match tables {
        1 => Ok(()),
        _ => Err(PortError::new(PortErrorKind::Corrupt, "read it: it is not a shop's database")),
    }
}

/// Creates what is missing and sets the version, all or nothing.
pub(super) fn create(
    connection: &Connection,
    create_tables: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Result<(), PortError> {
    let failed = error::sqlite("create the tables");

    connection.execute_batch("BEGIN IMMEDIATE").map_err(&failed)?;
    let created = create_tables(connection).and_then(|()| set(connection));
    let end = if created.is_ok() { "COMMIT" } else { "ROLLBACK" };
    created.and(connection.execute_batch(end)).map_err(&failed)
}

fn set(connection: &Connection) -> rusqlite::Result<()> {
    // Writing the same version again would cost a commit to disk at every start.
    if read(connection)? == VERSION {
        return Ok(());
    }
    connection.pragma_update(None, "user_version", VERSION)
}

fn read(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

//! Deletes items whose time to live has ended.

use ports::{PortError, Table};
use rusqlite::{Connection, params};

use super::schema::Schema;
use crate::sqlite::error;

/// Items that one transaction of a sweep deletes: a few milliseconds.
pub(crate) const BATCH: u64 = 500;

/// The number of deleted items, at most [`BATCH`].
pub(crate) fn delete_batch(
    connection: &Connection,
    schema: &Schema,
    table: Table,
    now_seconds: i64,
) -> Result<u64, PortError> {
    let Some(sql) = &schema.table(table)?.sweep else { return Ok(0) };
    let failed = error::sqlite("delete expired items");

    let mut statement = connection.prepare_cached(sql).map_err(&failed)?;
    let deleted = statement.execute(params![now_seconds, BATCH as i64]).map_err(&failed)?;
    Ok(deleted as u64)
}

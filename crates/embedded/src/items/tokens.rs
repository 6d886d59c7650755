//! Tokens of committed transactions, remembered for ten minutes.

use domain::Timestamp;
use ports::TransactError;
use rusqlite::{Connection, OptionalExtension, params};

use super::fingerprint::Fingerprint;
use super::prepared::Token;
use crate::sqlite::error;

/// DynamoDB: "a client request token is valid for 10 minutes after the first request that uses it
/// is completed" (TransactWriteItems).
const VALID_SECONDS: i64 = 600;

/// Expired tokens deleted with each new one: more than one, so that they can't accumulate.
const DELETED_PER_RECORD: i64 = 4;

const FIND: &str = "SELECT actions FROM tokens WHERE token = ?1 AND used_at > ?2";
const RECORD: &str = "INSERT OR REPLACE INTO tokens (token, actions, used_at) VALUES (?1, ?2, ?3)";
const DELETE_EXPIRED: &str = "DELETE FROM tokens WHERE token IN \
     (SELECT token FROM tokens INDEXED BY tokens_by_time WHERE used_at <= ?1 LIMIT ?2)";

/// Whether the same actions were committed under this token before; `TokenReused` if others were.
pub(crate) fn is_replay(
    connection: &Connection,
    token: &Token,
    now: Timestamp,
) -> Result<bool, TransactError> {
    let failed = error::sqlite("look up a token");
    let mut find = connection.prepare_cached(FIND).map_err(&failed)?;
    let used: Option<Fingerprint> = find
        .query_row(params![token.name, seconds(now) - VALID_SECONDS], |row| row.get(0))
        .optional()
        .map_err(&failed)?;

    match used {
        None => Ok(false),
        Some(actions) if actions == token.actions => Ok(true),
        Some(_) => Err(TransactError::TokenReused),
    }
}

pub(crate) fn record(
    connection: &Connection,
    token: &Token,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let now = seconds(now);

    connection
        .prepare_cached(DELETE_EXPIRED)?
        .execute(params![now - VALID_SECONDS, DELETED_PER_RECORD])?;
    connection.prepare_cached(RECORD)?.execute(params![token.name, token.actions, now])?;
    Ok(())
}

/// Since 1970, as the column has it.
fn seconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_seconds()).unwrap_or(i64::MAX)
}

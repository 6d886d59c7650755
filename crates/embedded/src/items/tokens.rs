//! Tokens that transactions were committed under, for ten minutes.

use ports::TransactError;
use rusqlite::{Connection, OptionalExtension, params};

use super::failure;
use super::fingerprint::Fingerprint;
use super::prepared::Token;

/// DynamoDB: "a client request token is valid for 10 minutes after the first request that uses it
/// is completed" (TransactWriteItems).
const VALID_SECONDS: i64 = 600;

/// More than one goes for each that comes, so they can't pile up.
const FORGOTTEN_AT_ONCE: i64 = 4;

const FIND: &str = "SELECT actions FROM tokens WHERE token = ?1 AND used_at > ?2";
const RECORD: &str = "INSERT OR REPLACE INTO tokens (token, actions, used_at) VALUES (?1, ?2, ?3)";
const FORGET: &str = "DELETE FROM tokens WHERE token IN \
     (SELECT token FROM tokens INDEXED BY tokens_by_time WHERE used_at <= ?1 LIMIT ?2)";

/// Whether these actions were committed under this token before.
pub(crate) fn is_replay(
    connection: &Connection,
    token: &Token,
    now: i64,
) -> Result<bool, TransactError> {
    let failed = failure::of("look a token up");
    let mut find = connection.prepare_cached(FIND).map_err(&failed)?;
    let used: Option<Fingerprint> = find
        .query_row(params![token.name, now - VALID_SECONDS], |row| row.get(0))
        .optional()
        .map_err(&failed)?;

    match used {
        None => Ok(false),
        Some(actions) if actions == token.actions => Ok(true),
        Some(_) => Err(TransactError::TokenReused),
    }
}

pub(crate) fn record(connection: &Connection, token: &Token, now: i64) -> rusqlite::Result<()> {
    connection.prepare_cached(FORGET)?.execute(params![now - VALID_SECONDS, FORGOTTEN_AT_ONCE])?;
    connection.prepare_cached(RECORD)?.execute(params![token.name, token.actions, now])?;
    Ok(())
}

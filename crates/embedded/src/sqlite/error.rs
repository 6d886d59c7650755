//! What SQLite's errors mean to a caller of a port.

use std::borrow::Cow;

use ports::{PortError, PortErrorKind};
use rusqlite::{Error, ErrorCode};

/// For `map_err`: SQLite's error, with what was attempted.
pub(crate) fn sqlite(attempted: &'static str) -> impl Fn(Error) -> PortError {
    move |error| PortError::new(kind(&error), attempted).because(error)
}

pub(crate) fn invalid(why: impl Into<Cow<'static, str>>) -> PortError {
    PortError::new(PortErrorKind::Invalid, why)
}

pub(crate) fn unavailable(attempted: &'static str) -> PortError {
    PortError::new(PortErrorKind::Unavailable, attempted)
}

fn kind(error: &Error) -> PortErrorKind {
    match error.sqlite_error_code() {
        // Another process was writing for longer than the busy timeout; nothing was written here.
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => PortErrorKind::Conflict,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => PortErrorKind::Corrupt,
        Some(ErrorCode::TooBig) => PortErrorKind::Invalid,
        Some(_) => PortErrorKind::Unavailable,
        // Not the engine's error: a stored value has another type than the code expects.
        None => PortErrorKind::Corrupt,
    }
}

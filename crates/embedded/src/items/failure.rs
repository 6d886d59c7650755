//! What SQLite's errors mean to a caller.

use ports::{PortError, PortErrorKind, TransactError};
use rusqlite::{Error, ErrorCode};

/// For `map_err`: the error of what was attempted.
pub(crate) fn of(attempted: &'static str) -> impl Fn(Error) -> PortError {
    move |error| PortError::new(kind(&error), attempted).because(error)
}

pub(crate) fn of_sweep(error: TransactError) -> PortError {
    match error {
        TransactError::Port(error) => error,
        other => PortError::new(PortErrorKind::Corrupt, "sweep").because(other),
    }
}

pub(crate) fn invalid(why: impl Into<std::borrow::Cow<'static, str>>) -> PortError {
    PortError::new(PortErrorKind::Invalid, why)
}

pub(crate) fn unavailable(why: &'static str) -> PortError {
    PortError::new(PortErrorKind::Unavailable, why)
}

fn kind(error: &Error) -> PortErrorKind {
    match error.sqlite_error_code() {
        // Another process was writing for longer than we wait; nothing of this has happened.
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => PortErrorKind::Conflict,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => PortErrorKind::Corrupt,
        Some(ErrorCode::TooBig) => PortErrorKind::Invalid,
        Some(_) => PortErrorKind::Unavailable,
        // No answer of the engine, but a value that is not of the type that we store.
        None => PortErrorKind::Corrupt,
    }
}

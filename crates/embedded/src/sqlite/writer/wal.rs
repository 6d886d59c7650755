//! SQLite's write-ahead log, kept from growing without a bound.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::sqlite::companions::{self, WAL};

/// A log of this size is written back even if that has to wait for readers …
const BYTES_MAX: u64 = 64 * 1_024 * 1_024;
/// … but no more often than this, since every writer waits meanwhile.
const INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct WriteAheadLog {
    path: PathBuf,
    /// By the machine's monotonic clock: it paces the disk and decides nothing that is stored.
    last_attempt: Cell<Option<Instant>>,
}

impl WriteAheadLog {
    pub(super) fn of(database: &Path) -> Self {
        Self { path: companions::path(database, WAL), last_attempt: Cell::new(None) }
    }

    /// Readers that overlap each other without a pause would keep SQLite's own checkpoints from ever
    /// restarting the log. The caller holds the write lock.
    pub(super) fn shorten(&self, connection: &Connection) {
        let recently = self.last_attempt.get().is_some_and(|at| at.elapsed() < INTERVAL);
        let bytes = fs::metadata(&self.path).map_or(0, |log| log.len());
        if recently || bytes < BYTES_MAX {
            return;
        }
        self.last_attempt.set(Some(Instant::now()));
        if let Err(error) = Self::write_back(connection) {
            tracing::warn!(%error, bytes, "the database's log could not be written back");
        }
    }

    /// Writes the log back into the file and empties it. The caller holds the write lock.
    pub(super) fn write_back(connection: &Connection) -> rusqlite::Result<()> {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }
}

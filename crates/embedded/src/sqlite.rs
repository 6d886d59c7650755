//! One SQLite file that several processes share: its connections, the thread that writes, and the
//! locks beside the file.
//!
//! The engine knows no tables. Each user (Items is one) brings its statements as closures; what
//! several users write at the same time shares one commit, and so one wait for the disk.

mod companions;
mod connection;
pub(crate) mod error;
pub mod file;
mod open_lock;
mod permissions;
mod readers;
mod version;
mod write_lock;
mod writer;

use std::path::Path;
use std::sync::Arc;

use domain::Timestamp;
use ports::{PortError, World};
use rusqlite::Connection;

use self::open_lock::OpenLock;
use self::readers::Readers;
use self::write_lock::WriteLock;
use self::writer::Writer;

/// An open database file.
///
/// Dropping it commits the queued jobs, writes the log back into the file and ends the thread; this
/// blocks for that long.
pub(crate) struct Database {
    readers: Arc<Readers>,
    writer: Writer,
    /// Released last: until then no process may replace the file.
    _open_lock: OpenLock,
}

impl Database {
    /// Opens the file, creating it if it is absent. `create_tables` runs each time, in a transaction
    /// that no other process can interleave with. Blocks.
    ///
    /// `Corrupt` if the file is not a database or was written by a newer build, `Conflict` if
    /// another process holds the write lock for longer than a group may take, `Unavailable` if the
    /// disk refuses.
    pub(crate) fn open(
        path: &Path,
        clock: Arc<dyn World>,
        create_tables: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Self, PortError> {
        connection::prepare_file(path)?;
        let open_lock = OpenLock::shared(path)?;
        let write_lock = WriteLock::open(path)?;
        let connection = {
            let _guard = write_lock.acquire()?;
            let connection = connection::open_writer(path)?;
            version::create(&connection, create_tables)?;
            connection
        };
        let readers = Arc::new(Readers::open(path)?);
        let writer = Writer::spawn(path, connection, write_lock, clock)?;

        Ok(Self { readers, writer, _open_lock: open_lock })
    }

    /// Runs a job on the writer's connection and answers its result once that is on the disk.
    ///
    /// A job that returns an error is undone alone; if the commit fails, all jobs of its group fail.
    /// A caller that stops waiting does not undo its job. Jobs start in the order in which one task
    /// first polls their futures. `now` is read once for the whole group.
    ///
    /// `size_bytes` is roughly what the job occupies in memory while it waits; `Throttled` if the
    /// queue has no space for it in time.
    pub(crate) async fn write<T, E>(
        &self,
        size_bytes: usize,
        job: impl FnOnce(&Connection, Timestamp) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<PortError> + Send + 'static,
    {
        self.writer.run(size_bytes, job).await
    }

    /// Runs a read on a connection of the pool, off the async threads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, PortError> + Send + 'static,
    ) -> Result<T, PortError> {
        self.readers.run(read).await
    }

    /// A number that changes whenever any process has committed to the file; cheap enough to be
    /// polled many times a second.
    pub(crate) async fn data_version(&self) -> Result<i64, PortError> {
        self.readers.data_version().await
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;

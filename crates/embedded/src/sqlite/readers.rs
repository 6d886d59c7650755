//! A pool of connections for reading, used off the async threads.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ports::{PortError, PortErrorKind};
use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::{task, time};

use super::{connection, error};

/// Reads that run at the same time. Most read pages that are in memory, so more connections than a
/// server usually has cores would only wait for them.
const CONNECTIONS: usize = 8;

/// A read that has not started by then is refused: its caller has given up.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Readers {
    free: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    /// `PRAGMA data_version` compares with what this same connection saw before, so it needs one of
    /// its own.
    version_watch: Arc<Mutex<Connection>>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, PortError> {
        let idle: Result<Vec<Connection>, PortError> =
            (0..CONNECTIONS).map(|_| connection::open_reader(path)).collect();

        Ok(Self {
            free: Arc::new(Semaphore::new(CONNECTIONS)),
            idle: Mutex::new(idle?),
            version_watch: Arc::new(Mutex::new(connection::open_reader(path)?)),
        })
    }

    /// `Throttled` if no connection becomes free in time.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> Result<T, PortError> + Send + 'static,
    ) -> Result<T, PortError> {
        let permit = time::timeout(QUEUE_TIMEOUT, self.free.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            return Err(PortError::new(PortErrorKind::Throttled, "wait for a connection to read"));
        };
        let readers = self.clone();

        // The permit moves into the task: a caller that stops waiting must not free the slot while
        // its read still runs.
        let read = task::spawn_blocking(move || {
            let _permit = permit;
            let pooled = Pooled::take_from(readers)?;
            read(pooled.connection())
        });
        read.await.map_err(|error| error::unavailable("read").because(error))?
    }

    pub(super) async fn data_version(&self) -> Result<i64, PortError> {
        let watch = self.version_watch.clone();
        let query = task::spawn_blocking(move || {
            let connection = watch.lock().unwrap_or_else(PoisonError::into_inner);
            connection.pragma_query_value(None, "data_version", |row| row.get(0))
        });

        query
            .await
            .map_err(|error| error::unavailable("read the data version").because(error))?
            .map_err(error::sqlite("read the data version"))
    }
}

/// A connection that returns to the pool when dropped, after a panic too.
struct Pooled {
    readers: Arc<Readers>,
    connection: Option<Connection>,
}

impl Pooled {
    fn take_from(readers: Arc<Readers>) -> Result<Self, PortError> {
        let connection = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();

        match connection {
            Some(_) => Ok(Self { readers, connection }),
            None => Err(error::unavailable("find an idle connection")),
        }
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("the connection is there until it is dropped")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let idle = self.readers.idle.lock();
        idle.unwrap_or_else(PoisonError::into_inner).extend(self.connection.take());
    }
}

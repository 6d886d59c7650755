//! A few connections for reading, lent to one caller at a time, off the async threads.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ports::{PortError, PortErrorKind};
use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::{task, time};

use super::{connection, failure};

/// Reads that run at the same time. Most are of pages in memory, so more than the usual number of
/// cores would only wait for them.
const CONNECTIONS: usize = 8;

/// A read that has not begun by then is better refused: its caller has given up.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Readers {
    free: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    /// `PRAGMA data_version` compares with what this same connection saw before.
    watch: Arc<Mutex<Connection>>,
}

impl Readers {
    pub(crate) fn open(path: &Path) -> Result<Self, PortError> {
        let idle: Result<Vec<Connection>, PortError> =
            (0..CONNECTIONS).map(|_| connection::open_reader(path)).collect();

        Ok(Self {
            free: Arc::new(Semaphore::new(CONNECTIONS)),
            idle: Mutex::new(idle?),
            watch: Arc::new(Mutex::new(connection::open_reader(path)?)),
        })
    }

    /// `Throttled` if no connection becomes free in time.
    pub(crate) async fn with<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> Result<T, PortError> + Send + 'static,
    ) -> Result<T, PortError> {
        let turn = time::timeout(PATIENCE, self.free.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(PortError::new(PortErrorKind::Throttled, "wait for a connection to read"));
        };
        let readers = self.clone();

        // The turn goes along: a caller that gives up does not make room before the read ends.
        let read = task::spawn_blocking(move || {
            let _turn = turn;
            let lent = Lent::from(readers)?;
            read(lent.connection())
        });
        read.await.map_err(|error| failure::unavailable("read").because(error))?
    }

    pub(crate) async fn data_version(&self) -> Result<i64, PortError> {
        let watch = self.watch.clone();
        let ask = task::spawn_blocking(move || {
            let connection = watch.lock().unwrap_or_else(PoisonError::into_inner);
            connection.pragma_query_value(None, "data_version", |row| row.get(0))
        });

        ask.await
            .map_err(|error| failure::unavailable("ask for changes").because(error))?
            .map_err(failure::of("ask for changes"))
    }
}

/// A connection on loan; back in the pool when dropped, after a panic too.
struct Lent {
    readers: Arc<Readers>,
    connection: Option<Connection>,
}

impl Lent {
    fn from(readers: Arc<Readers>) -> Result<Self, PortError> {
        let connection = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();

        match connection {
            Some(_) => Ok(Self { readers, connection }),
            None => Err(failure::unavailable("find an idle connection")),
        }
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("a loan has its connection until it is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let idle = self.readers.idle.lock();
        idle.unwrap_or_else(PoisonError::into_inner).extend(self.connection.take());
    }
}

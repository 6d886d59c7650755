//! The connection: shared by all adapters, opened when it is first used, with a deadline for every
//! call.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ports::{PortError, PortErrorKind};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ErrorKind, RedisError, RedisResult};
use tokio::time::timeout;

use crate::backoff::{Backoff, Transition};

/// Redis answers within a millisecond; after this long the store is faster.
const DEADLINE: Duration = Duration::from_millis(250);

/// A handle; clones share one connection.
#[derive(Clone)]
pub struct RedisConnection(Arc<Inner>);

struct Inner {
    client: Client,
    manager: Mutex<ConnectionManager>,
    backoff: Backoff,
    deadline: Duration,
}

impl RedisConnection {
    /// Must be called within a tokio runtime; does not contact the server yet.
    /// `redis://host:port/database`, or `rediss://…` for TLS.
    ///
    /// # Errors
    ///
    /// `Invalid` for anything but a Redis URL.
    pub fn open(url: &str) -> Result<Self, PortError> {
        Self::with_deadline(url, DEADLINE)
    }

    /// The same with another deadline for each call.
    pub fn with_deadline(url: &str, deadline: Duration) -> Result<Self, PortError> {
        // The client's own error may quote the URL, and the URL may contain a password.
        let invalid = |_: RedisError| {
            PortError::new(PortErrorKind::Invalid, "Redis: the URL is no redis:// or rediss:// URL")
        };
        let client = Client::open(url).map_err(invalid)?;
        let manager = Mutex::new(new_manager(&client, deadline).map_err(invalid)?);

        Ok(Self(Arc::new(Inner { client, manager, backoff: Backoff::default(), deadline })))
    }

    /// Whether the server answers.
    pub async fn ping(&self) -> Result<(), PortError> {
        self.call("PING", async |mut redis| redis::cmd("PING").query_async(&mut redis).await).await
    }

    /// One request and its response within the deadline; fails immediately while the server is known
    /// to be unavailable.
    pub(crate) async fn call<T, F>(
        &self,
        attempted: &'static str,
        work: impl FnOnce(ConnectionManager) -> F,
    ) -> Result<T, PortError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let Inner { backoff, deadline, .. } = &*self.0;
        let failed = |kind| PortError::new(kind, format!("Redis: {attempted}"));
        if !backoff.admit(*deadline) {
            return Err(failed(PortErrorKind::Unavailable).because("it has just failed"));
        }

        let result = match timeout(*deadline, work(self.manager())).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failed(kind_of(&error)).because(error)),
            Err(_) => Err(failed(PortErrorKind::Unavailable).because("no answer in time")),
        };
        // A server that answers with an error is up.
        let is_up = !matches!(&result, Err(error) if error.kind == PortErrorKind::Unavailable);
        if !is_up {
            self.reconnect();
        }
        match (backoff.record(is_up), &result) {
            (Transition::WentDown, Err(error)) => {
                tracing::warn!(%error, cause = ?error.source, "Redis is unavailable");
            }
            (Transition::CameUp, _) => tracing::info!("Redis is available again"),
            _ => {}
        }
        result
    }

    fn manager(&self) -> ConnectionManager {
        self.0.manager.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next call opens a new connection: if the peer has vanished without closing, TCP itself
    /// would notice only after a quarter of an hour.
    fn reconnect(&self) {
        if let Ok(manager) = new_manager(&self.0.client, self.0.deadline) {
            *self.0.manager.lock().unwrap_or_else(PoisonError::into_inner) = manager;
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.0.deadline
    }
}

fn new_manager(client: &Client, deadline: Duration) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        // The backoff decides when to try again.
        .set_number_of_retries(0)
        .set_connection_timeout(Some(deadline))
        .set_response_timeout(Some(deadline));

    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

fn kind_of(error: &RedisError) -> PortErrorKind {
    if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() {
        return PortErrorKind::Unavailable;
    }
    match error.kind() {
        ErrorKind::UnexpectedReturnType | ErrorKind::Parse => PortErrorKind::Corrupt,
        // Loading, out of memory, read only: temporary, or visible to an operator in the log.
        _ => PortErrorKind::Unavailable,
    }
}

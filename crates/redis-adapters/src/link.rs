//! The connection: shared by all who use it, made when it is needed, and never waited for long.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ports::{PortError, PortErrorKind};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ErrorKind, RedisError, RedisResult};
use tokio::time::timeout;

use crate::pause::{News, Pause};

/// Redis answers within a millisecond; past this the store is quicker.
const DEADLINE: Duration = Duration::from_millis(250);

/// A handle; clones are one connection.
#[derive(Clone)]
pub struct RedisLink(Arc<Inner>);

struct Inner {
    client: Client,
    manager: Mutex<ConnectionManager>,
    pause: Pause,
    deadline: Duration,
}

impl RedisLink {
    /// Within a runtime; asks nothing of the server yet. `redis://host:port/number`, or `rediss://…` for TLS.
    ///
    /// # Errors
    ///
    /// `Invalid` for what is no address of a Redis.
    pub fn open(url: &str) -> Result<Self, PortError> {
        Self::patient(url, DEADLINE)
    }

    /// The same with another deadline for each call.
    pub fn patient(url: &str, deadline: Duration) -> Result<Self, PortError> {
        // Its own error may quote the address, and the address may hold a password.
        let invalid = |_: RedisError| {
            PortError::new(PortErrorKind::Invalid, "Redis: the URL is no redis:// or rediss:// URL")
        };
        let client = Client::open(url).map_err(invalid)?;
        let manager = Mutex::new(connection(&client, deadline).map_err(invalid)?);

        Ok(Self(Arc::new(Inner { client, manager, pause: Pause::default(), deadline })))
    }

    /// Whether it answers at all.
    pub async fn ping(&self) -> Result<(), PortError> {
        self.call("PING", async |mut redis| redis::cmd("PING").query_async(&mut redis).await).await
    }

    /// One exchange within the deadline; at once an error while the server is not to be had.
    pub(crate) async fn call<T, F>(
        &self,
        attempted: &'static str,
        work: impl FnOnce(ConnectionManager) -> F,
    ) -> Result<T, PortError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let Inner { pause, deadline, .. } = &*self.0;
        let failed = |kind| PortError::new(kind, format!("Redis: {attempted}"));
        if !pause.lets_in(*deadline) {
            return Err(failed(PortErrorKind::Unavailable).because("it has just failed"));
        }

        let ended = timeout(*deadline, work(self.manager())).await;
        let ended = match ended {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failed(kind_of(&error)).because(error)),
            Err(_) => Err(failed(PortErrorKind::Unavailable).because("no answer in time")),
        };
        // A server that says what is wrong is there.
        let is_well = !matches!(&ended, Err(error) if error.kind == PortErrorKind::Unavailable);
        if !is_well {
            self.hang_up();
        }
        match (pause.ended(is_well), &ended) {
            (News::Failing, Err(error)) => {
                tracing::warn!(%error, cause = ?error.source, "Redis is not to be had");
            }
            (News::WorksAgain, _) => tracing::info!("Redis is there again"),
            _ => {}
        }
        ended
    }

    fn manager(&self) -> ConnectionManager {
        self.0.manager.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next call makes another connection: of a peer that has vanished without a word, TCP
    /// itself would know after a quarter of an hour.
    fn hang_up(&self) {
        if let Ok(another) = connection(&self.0.client, self.0.deadline) {
            *self.0.manager.lock().unwrap_or_else(PoisonError::into_inner) = another;
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.0.deadline
    }
}

fn connection(client: &Client, deadline: Duration) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        // Whether to try again is decided by the pause.
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
        // Loading, out of memory, read only: it will pass, or an operator sees it in the log.
        _ => PortErrorKind::Unavailable,
    }
}

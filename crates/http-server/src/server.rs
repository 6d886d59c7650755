//! Accepts connections, serves them, closes those that are beyond a bound, and drains at the end.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::Shared;
use http::{Request, Response, Version};
use hyper::body::{Body, Incoming};
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};

use crate::BoxError;
use crate::activity::{Clock, Connection, Reason};
use crate::body::TrackedBody;
use crate::counters::Counters;
use crate::registry::Registry;
use crate::settings::ServerSettings;
use crate::stream::TrackedStream;

/// What accepting does after a failure that would only be met again at once, such as no file
/// descriptors: connections that end give some back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Closing takes a turn of the runtime; so many may be closing while others are accepted.
const CLOSING_MAX: usize = 32;
/// hyper panics on a smaller one.
const HYPER_BUFFER_MIN: usize = 8_192;

/// What answers requests. A trait and no closure, so that nothing is boxed and the answer's future
/// is made where it is awaited.
pub trait Handler: Send + Sync + 'static {
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static;

    fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        connection: &Arc<Connection>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// What hyper reads requests from and writes answers to; a place for a shorter way.
    fn transport(
        self: Arc<Self>,
        stream: TokioIo<TrackedStream<TcpStream>>,
        _: Arc<Connection>,
    ) -> impl Read + Write + Unpin + Send + 'static {
        stream
    }
}

/// Accepts until `shutdown`, then lets requests end; what has not ended in time is cut off.
pub async fn serve(
    handler: Arc<impl Handler>,
    settings: ServerSettings,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) {
    let (supervisor, task) = (settings.supervisor.clone(), settings.accept_task());
    // What a panic of the loop must not take with it: the port, the connections and their bounds.
    let parts = Parts {
        server: Arc::new(Mutex::new(Server::new(handler, settings))),
        listener: Arc::new(listener),
        shutdown: shutdown.shared(),
    };
    let server = Arc::clone(&parts.server);

    supervisor.keep(task, parts, Parts::accept).await;
    let server = Arc::into_inner(server).expect("the loop has ended, and with it the other handle");
    server.into_inner().drain().await;
}

/// What each run of the accept loop is given.
struct Parts<H, S: Future> {
    server: Arc<Mutex<Server<H>>>,
    listener: Arc<TcpListener>,
    shutdown: Shared<S>,
}

impl<H: Handler, S: Future<Output = ()>> Parts<H, S> {
    async fn accept(self) {
        self.server.lock().await.accept(&self.listener, self.shutdown).await;
    }
}

impl<H, S: Future> Clone for Parts<H, S> {
    fn clone(&self) -> Self {
        Self {
            server: Arc::clone(&self.server),
            listener: Arc::clone(&self.listener),
            shutdown: self.shutdown.clone(),
        }
    }
}

/// Every open connection; none outlives this.
struct Server<H> {
    handler: Arc<H>,
    settings: ServerSettings,
    registry: Registry<AbortHandle>,
    /// Each ends with its connection's number.
    tasks: JoinSet<u64>,
    ending: GracefulShutdown,
    clock: Clock,
    sweeps: Interval,
    counters: Counters,
}

impl<H: Handler> Server<H> {
    fn new(handler: Arc<H>, settings: ServerSettings) -> Self {
        let mut sweeps = interval(settings.sweep_every());
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);

        Self {
            handler,
            registry: Registry::new(settings.share()),
            tasks: JoinSet::new(),
            ending: GracefulShutdown::new(),
            clock: Clock::start(),
            sweeps,
            counters: Counters::new(settings.name),
            settings,
        }
    }

    async fn accept(&mut self, listener: &TcpListener, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let open_max = self.settings.connections_max.saturating_add(CLOSING_MAX);
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                Some(ended) = self.tasks.join_next() => self.ended(&ended),
                _ = self.sweeps.tick() => self.sweep(),
                accepted = listener.accept(), if self.tasks.len() < open_max => match accepted {
                    Ok((stream, peer)) => self.open(stream, peer),
                    Err(error) => self.not_accepted(&error).await,
                },
            }
        }
    }

    /// A new connection is always accepted: if all places are taken, another one is closed.
    fn open(&mut self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was closed before it was served");
            return;
        }
        self.clock.advance();
        if self.registry.len() >= self.settings.connections_max {
            self.replace_one();
        }
        let connection = Connection::new(peer.ip(), self.clock.clone(), &self.settings);
        let connection = Arc::new(connection);
        let serving = self.serving(stream, Arc::clone(&connection));
        let tasks = &mut self.tasks;

        self.registry.insert(connection, |id| {
            tasks.spawn(async move {
                match AssertUnwindSafe(serving).catch_unwind().await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(%error, %peer, "a connection failed"),
                    Err(_) => tracing::error!(%peer, "a connection's task panicked"),
                }
                id
            })
        });
        self.counters.open(self.registry.len());
    }

    fn serving(
        &self,
        stream: TcpStream,
        connection: Arc<Connection>,
    ) -> impl Future<Output = hyper::Result<()>> + Send + use<H> {
        let handler = Arc::clone(&self.handler);
        let io = TokioIo::new(TrackedStream::new(stream, Arc::clone(&connection)));
        let io = Arc::clone(&handler).transport(io, Arc::clone(&connection));
        let service = service_fn(move |request: Request<Incoming>| {
            let (handler, connection) = (Arc::clone(&handler), Arc::clone(&connection));
            async move {
                connection.request_started();
                // HTTP/1.0 has no interim responses (RFC 9110 §15.2).
                if request.version() == Version::HTTP_11 {
                    connection.interim().open();
                }
                let mut response = handler.answer(request, &connection).await;
                connection.interim().close();
                let is_useful = connection.judge(&mut response);
                Ok::<_, Infallible>(
                    response.map(|body| TrackedBody::new(body, connection, is_useful)),
                )
            }
        });
        let connection = http1::Builder::new()
            // The sweep bounds the wait for a head, without a timer for each request.
            .header_read_timeout(None)
            // A client that has shut down its sending side still waits for the response.
            .half_close(true)
            .max_buf_size(self.settings.head_bytes_max.max(HYPER_BUFFER_MIN))
            .serve_connection(io, service);

        self.ending.watch(connection)
    }

    fn ended(&mut self, ended: &Result<u64, JoinError>) {
        // Who was closed is no longer in the registry; a task does not end otherwise.
        if let Ok(id) = ended {
            self.registry.remove(*id);
        }
        self.counters.open(self.registry.len());
    }

    fn sweep(&mut self) {
        self.clock.advance();
        for (reason, task) in self.registry.expired() {
            task.abort();
            self.counters.closed(reason);
        }
    }

    fn replace_one(&mut self) {
        if let Some(task) = self.registry.victim() {
            task.abort();
            self.counters.closed(Reason::Replaced);
        }
    }

    /// Of the client's doing, each takes the client's connection with it; all others are met again
    /// at once, so that the loop would only turn.
    async fn not_accepted(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied};
        let of_the_client = [ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied];
        self.counters.accept_failed();
        if of_the_client.contains(&error.kind()) {
            tracing::debug!(%error, "a connection was closed before it was accepted");
            return;
        }

        tracing::warn!(%error, server = self.settings.name, "a connection could not be accepted");
        // Out of descriptors or of memory, for whatever reason.
        self.replace_one();
        sleep(ACCEPT_PAUSE).await;
    }

    /// Lets requests end; what has not ended within its time is cut off.
    async fn drain(mut self) {
        let within = self.settings.drain_timeout;
        // Its first poll asks the connections to end; that they have is seen by their tasks.
        let _ = std::mem::take(&mut self.ending).shutdown().now_or_never();

        if timeout(within, self.all_ended()).await.is_err() {
            tracing::warn!(
                open = self.tasks.len(),
                "closing connections that did not end within the drain timeout"
            );
            self.tasks.shutdown().await;
        }
        self.counters.open(0);
    }

    async fn all_ended(&mut self) {
        loop {
            tokio::select! {
                biased;
                ended = self.tasks.join_next() => match ended {
                    Some(ended) => self.ended(&ended),
                    None => return,
                },
                _ = self.sweeps.tick() => self.sweep(),
            }
        }
    }
}

#[cfg(test)]
mod tests;

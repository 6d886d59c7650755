//! Listening, connections, and an orderly end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use moka::sync::Cache;
use ports::World;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::proxy::Proxy;
use super::shelf::Shelf;
use super::upstream::Upstream;
use crate::flights::Flights;
use crate::measures::Measures;
use crate::patience::{Patient, Pulse};
use crate::settings::{Limits, ServeError};

/// What a proxy is told when it starts.
pub struct Settings {
    pub listen: SocketAddr,
    /// Scheme and authority, `http` or `https`; nothing else.
    pub origin: Uri,
    /// Of kept answers, with their keys and heads.
    pub capacity_bytes: u64,
    pub world: Arc<dyn World>,
    pub limits: Limits,
}

/// A proxy that serves.
pub struct Running {
    pub addr: SocketAddr,
    /// Ends when the last connection has, after shutdown.
    pub join: JoinHandle<()>,
}

/// Without file descriptors nothing can be accepted; connections that end give some back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Long enough to take a herd off an answer that can't be shared, short enough to forget it.
const UNSHARED_FOR: Duration = Duration::from_secs(10);
const UNSHARED_MAX: u64 = 10_000;

impl Settings {
    /// With the defaults: 64 MiB of answers.
    pub fn new(listen: SocketAddr, origin: Uri, world: Arc<dyn World>) -> Self {
        Self { listen, origin, capacity_bytes: 64 << 20, world, limits: Limits::default() }
    }
}

/// Serves from when this returns until `shutdown` is ready, and then no new connection.
pub async fn serve(
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Running, ServeError> {
    let upstream = Upstream::new(&settings.origin)?;
    let listener = TcpListener::bind(settings.listen).await;
    let listener = listener.map_err(|error| ServeError::Taken(settings.listen, error))?;
    let addr = listener.local_addr()?;
    let proxy = Arc::new(Proxy {
        upstream,
        shelf: Shelf::new(settings.capacity_bytes),
        flights: Flights::new(),
        unshared: Cache::builder().max_capacity(UNSHARED_MAX).time_to_live(UNSHARED_FOR).build(),
        fetches: Semaphore::new(settings.limits.fetches_max),
        limits: settings.limits,
        measures: Measures::new(),
        world: settings.world,
    });

    Ok(Running { addr, join: tokio::spawn(run(proxy, listener, shutdown)) })
}

/// Accepts until `shutdown`, then lets the connections end; what has not ended in time is cut off.
async fn run(proxy: Arc<Proxy>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let drain_within = proxy.limits.drain_within;
    let room = Arc::new(Semaphore::new(proxy.limits.connections_max));
    let ending = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    let mut shutdown = pin!(shutdown);

    loop {
        let next = async { (Arc::clone(&room).acquire_owned().await, listener.accept().await) };
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = tasks.join_next() => {}
            (place, accepted) = next => match accepted {
                Ok((stream, _)) => {
                    let connection = connection(Arc::clone(&proxy), stream, &ending);
                    tasks.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);

    let all_ended = async { while tasks.join_next().await.is_some() {} };
    if timeout(drain_within, async { tokio::join!(ending.shutdown(), all_ended) }).await.is_err() {
        tracing::warn!(open = tasks.len(), "connections are cut off at shutdown");
        tasks.shutdown().await;
    }
}

fn connection(
    proxy: Arc<Proxy>,
    stream: TcpStream,
    ending: &GracefulShutdown,
) -> impl Future<Output = ()> + use<> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before it began");
    }
    let limits = proxy.limits;
    let pulse = Arc::new(Pulse::default());
    let io = Patient::new(TokioIo::new(stream), Arc::clone(&pulse), limits.patience);
    let service = service_fn(move |request| {
        let (proxy, pulse) = (Arc::clone(&proxy), Arc::clone(&pulse));
        async move {
            pulse.begin();
            let response = Box::pin(proxy.handle(request)).await;
            pulse.end();
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        // `Patient` bounds the wait for a head.
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes_max)
        .serve_connection(io, service);
    let connection = ending.watch(connection);

    async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection broke");
        }
    }
}

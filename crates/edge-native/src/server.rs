//! Listening, connections, and an orderly end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cache::{Follower, NoSink};
use http::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use moka::sync::Cache;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::edge::Edge;
use crate::flights::Flights;
use crate::follow::{CacheMode, OriginLog};
use crate::kept::Shelf;
use crate::measures::Measures;
use crate::origin::Origin;
use crate::patience::{Patient, Pulse};
use crate::settings::{EdgeSettings, Listen, ServeError};

/// Without file descriptors nothing can be accepted; connections that end give some back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Long enough to take a herd off an answer that can't be shared, short enough to forget it.
const UNSHARED_FOR: Duration = Duration::from_secs(10);
const UNSHARED_MAX: u64 = 10_000;
/// hyper panics on a smaller one.
const HYPER_BUFFER_MIN: usize = 8_192;

/// An edge that serves.
pub struct Running {
    pub addr: SocketAddr,
    /// Ends when the last connection has, after shutdown.
    pub join: JoinHandle<()>,
    follower: Follower,
}

impl Running {
    /// What the edge knows of the change log.
    pub const fn follower(&self) -> &Follower {
        &self.follower
    }

    /// Something was written: reads the change log at once.
    pub fn kick(&self) {
        self.follower.kick();
    }
}

/// Serves from when this returns until `shutdown` is ready, and then no new connection.
pub async fn serve(
    settings: EdgeSettings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Running, ServeError> {
    let listener = match settings.listen {
        Listen::At(addr) => {
            TcpListener::bind(addr).await.map_err(|error| ServeError::Taken(addr, error))?
        }
        Listen::On(listener) => {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)?
        }
    };
    let addr = listener.local_addr()?;
    let public_host = settings.public_host.unwrap_or_else(|| addr.to_string());
    let Ok(host) = HeaderValue::try_from(&public_host) else {
        return Err(ServeError::PublicHost(public_host));
    };
    let world = settings.world;
    let origin = Origin::new(&settings.origin, settings.key, host, Arc::clone(&world))?;
    let origin = Arc::new(origin);
    let mode = Arc::new(CacheMode::default());
    let log = OriginLog { origin: Arc::clone(&origin), mode: Arc::clone(&mode) };
    let follower = Follower::paced(Arc::new(log), Arc::new(NoSink), settings.limits.follow_every);
    let unshared = Cache::builder().max_capacity(UNSHARED_MAX).time_to_live(UNSHARED_FOR).build();

    let edge = Arc::new(Edge {
        origin,
        follower: follower.clone(),
        mode,
        shelf: Shelf::new(settings.capacity_bytes),
        flights: Flights::new(),
        unshared,
        fetches: Semaphore::new(settings.limits.fetches_max),
        token_key: settings.token_key,
        push_keys: settings.push_keys,
        trusted_proxies: settings.trusted_proxies,
        limits: settings.limits,
        read_gate: settings.read_gate,
        measures: Measures::new(),
        world,
    });
    let join = tokio::spawn(run(edge, listener, shutdown));

    Ok(Running { addr, join, follower })
}

/// Accepts until `shutdown`, then lets the connections end; the log is followed throughout.
async fn run(edge: Arc<Edge>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let follower = edge.follower.clone();
    let following = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        follower.run(stopped).await;
    });
    let drain_within = edge.limits.drain_within;
    let mut connections = Connections::default();

    connections.accept(edge, &listener, shutdown).await;
    drop(listener);
    connections.drain(drain_within).await;
    drop(stop);
    if let Err(error) = following.await {
        tracing::error!(%error, "following the change log ended early");
    }
}

/// Every open connection; none outlives this.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    ending: GracefulShutdown,
}

impl Connections {
    async fn accept(
        &mut self,
        edge: Arc<Edge>,
        listener: &TcpListener,
        shutdown: impl Future<Output = ()>,
    ) {
        let room = Arc::new(Semaphore::new(edge.limits.connections_max));
        let mut shutdown = pin!(shutdown);

        loop {
            let next = async {
                let place = Arc::clone(&room).acquire_owned().await;
                (place, listener.accept().await)
            };
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                Some(ended) = self.tasks.join_next() => report(ended),
                next = next => match next {
                    (Ok(place), Ok((stream, peer))) => {
                        self.open(Arc::clone(&edge), stream, peer, place);
                    }
                    (_, Err(error)) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                    // The room is never closed.
                    (Err(_), Ok(_)) => return,
                },
            }
        }
    }

    fn open(
        &mut self,
        edge: Arc<Edge>,
        stream: TcpStream,
        peer: SocketAddr,
        place: OwnedSemaphorePermit,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone before it began");
            return;
        }
        let limits = edge.limits;
        let pulse = Arc::new(Pulse::default());
        let io = Patient::new(TokioIo::new(stream), Arc::clone(&pulse), limits.patience);
        let service = service_fn(move |request| {
            let (edge, pulse) = (Arc::clone(&edge), Arc::clone(&pulse));
            async move {
                pulse.begin();
                let response = edge.handle(request, peer.ip()).await;
                pulse.end();
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            // `Patient` bounds the wait for a head.
            .header_read_timeout(None)
            .max_buf_size(limits.head_bytes_max.max(HYPER_BUFFER_MIN))
            .serve_connection(io, service);
        let connection = self.ending.watch(connection);

        self.tasks.spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, %peer, "a connection broke");
            }
        });
    }

    /// Lets requests end; what has not ended `within` is cut off.
    async fn drain(mut self, within: Duration) {
        let all_ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                report(ended);
            }
        };

        if timeout(within, async { tokio::join!(self.ending.shutdown(), all_ended) }).await.is_err()
        {
            tracing::warn!(open = self.tasks.len(), "connections are cut off at shutdown");
            self.tasks.shutdown().await;
        }
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended by a mistake of this program");
    }
}

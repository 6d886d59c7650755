//! An edge from its settings to its end: it listens, follows the change log, and answers.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cache::Follower;
use http::{HeaderValue, Request, Response};
use http_server::{Connection, Handler, ServerSettings, TrackedStream};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::cache::fetch::Fetcher;
use crate::cache::follow::{self, CacheMode, OriginLog};
use crate::cache::store::ResponseStore;
use crate::client_limit::ReadLimit;
use crate::edge::{Edge, HEALTH};
use crate::http::body::Body;
use crate::http::fast_path::FastPath;
use crate::settings::{EdgeSettings, Listen, ServeError};
use crate::upstream::origin::Origin;

/// An edge that serves.
pub struct Running {
    pub addr: SocketAddr,
    /// Ends when the last connection has, after shutdown.
    pub join: JoinHandle<()>,
    follower: Follower,
    behind: Arc<AtomicU64>,
}

impl Running {
    /// What the edge knows of the change log.
    pub const fn follower(&self) -> &Follower {
        &self.follower
    }

    /// How many answers of the origin were older than what this edge knew to have changed: rows
    /// that this origin had not read, or a cache on the way. Goes on counting.
    pub fn behind(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.behind)
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
            http_server::bind(addr).map_err(|error| ServeError::Taken(addr, error))?
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
    let origin = Origin::new(
        &settings.origin,
        settings.key,
        host,
        Arc::clone(&world),
        settings.limits.origin_idle_timeout,
    )?;
    let origin = Arc::new(origin);
    let mode = Arc::new(CacheMode::default());
    let log = OriginLog {
        origin: Arc::clone(&origin),
        mode: Arc::clone(&mode),
        world: Arc::clone(&world),
    };
    let store =
        Arc::new(ResponseStore::new(settings.capacity_bytes, settings.limits.cached_body_max));
    let sink = follow::StoreSink::new(Arc::clone(&store));
    let follower = Follower::paced(Arc::new(log), Arc::new(sink), settings.limits.follow_every);
    let mut server = settings.server;
    server.trusted.clone_from(&settings.trusted_proxies);

    let fetcher = Fetcher::new(origin, follower.clone(), mode, store, settings.limits, world);
    let behind = fetcher.behind();
    let edge = Arc::new(Edge::new(
        fetcher,
        settings.token_key,
        settings.push_keys,
        ReadLimit { gate: settings.read_gate, trusted_proxies: settings.trusted_proxies },
    ));
    settings.supervisor.listens("the edge", addr, HEALTH);
    server.supervisor = settings.supervisor;
    let join = tokio::spawn(run(edge, follower.clone(), server, listener, shutdown));

    Ok(Running { addr, join, follower, behind })
}

/// Accepts until `shutdown`, then lets the connections end; the log is followed throughout.
async fn run(
    edge: Arc<Edge>,
    follower: Follower,
    server: ServerSettings,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) {
    let following = server.supervisor.keep("edge-follower", follower, |follower| async move {
        follower.run(std::future::pending()).await;
    });
    let following = tokio::spawn(following);

    http_server::serve(edge, server, listener, shutdown).await;
    following.abort();
    // No request reads the table any more.
    let _ = following.await;
}

impl Handler for Edge {
    type Body = Body;

    fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        connection: &Arc<Connection>,
    ) -> impl Future<Output = Response<Body>> + Send {
        self.handle(request, connection)
    }

    fn transport(
        self: Arc<Self>,
        stream: TokioIo<TrackedStream<TcpStream>>,
        connection: Arc<Connection>,
    ) -> impl Read + Write + Unpin + Send + 'static {
        FastPath::new(stream, self, connection)
    }
}

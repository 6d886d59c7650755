//! A proxy from its settings to its end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response, Uri};
use http_server::{Connection, Handler, ServerSettings};
use hyper::body::Incoming;
use ports::World;
use supervision::Supervisor;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::proxy::Proxy;
use super::store::ResponseStore;
use super::upstream::Upstream;
use crate::cache::hit_for_miss::HitForMiss;
use crate::cache::single_flight::SingleFlight;
use crate::http::body::Body;
use crate::metrics::Metrics;
use crate::settings::{Limits, ServeError};

/// The settings of a proxy.
pub struct Settings {
    pub listen: SocketAddr,
    /// Scheme and authority, `http` or `https`; nothing else.
    pub origin: Uri,
    /// Of stored responses, with their keys and heads.
    pub capacity_bytes: u64,
    pub world: Arc<dyn World>,
    pub server: ServerSettings,
    pub limits: Limits,
    /// Runs the proxy's long-lived tasks.
    pub supervisor: Supervisor,
}

/// A proxy that serves.
pub struct Running {
    pub addr: SocketAddr,
    /// Ends when the last connection has, after shutdown.
    pub join: JoinHandle<()>,
}

impl Settings {
    /// With the defaults: 64 MiB of answers.
    pub fn new(listen: SocketAddr, origin: Uri, world: Arc<dyn World>) -> Self {
        Self {
            listen,
            origin,
            capacity_bytes: 64 << 20,
            world,
            server: ServerSettings::new("edge"),
            limits: Limits::default(),
            supervisor: Supervisor::default(),
        }
    }
}

/// Serves from when this returns until `shutdown` is ready, and then no new connection.
pub async fn serve(
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Running, ServeError> {
    let random = settings.world.random();
    let idle_timeout = settings.limits.origin_idle_timeout;
    let upstream = Upstream::new(&settings.origin, random, idle_timeout)?;
    let listener = http_server::bind(settings.listen);
    let listener = listener.map_err(|error| ServeError::Taken(settings.listen, error))?;
    let addr = listener.local_addr()?;
    let proxy = Arc::new(Proxy {
        upstream,
        store: ResponseStore::new(settings.capacity_bytes),
        single_flight: SingleFlight::new(),
        hit_for_miss: HitForMiss::new(),
        fetches: Semaphore::new(settings.limits.fetches_max),
        limits: settings.limits,
        metrics: Metrics::new(),
        world: settings.world,
    });
    settings.supervisor.listens("the edge", addr, "/");
    let mut server = settings.server;
    server.supervisor = settings.supervisor;
    let join = tokio::spawn(http_server::serve(proxy, server, listener, shutdown));

    Ok(Running { addr, join })
}

impl Handler for Proxy {
    type Body = Body;

    fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        connection: &Arc<Connection>,
    ) -> impl Future<Output = Response<Body>> + Send {
        // The way through is long, and most of it is not taken.
        Box::pin(self.handle(request, connection.interim_sender()))
    }
}

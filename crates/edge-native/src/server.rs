//! An edge from its settings to its end: it listens, follows the change log, and answers.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use cache::{Follower, NoSink};
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use supervision::Supervisor;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::body::Body;
use crate::connections::{self, Answers};
use crate::edge::{Edge, HEALTH};
use crate::flights::Flights;
use crate::follow::{CacheMode, OriginLog};
use crate::head::Head;
use crate::kept::Shelf;
use crate::measures::Measures;
use crate::origin::Origin;
use crate::reply::Reply;
use crate::settings::{EdgeSettings, Listen, ServeError};
use crate::unshared::Unshared;

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

    let edge = Arc::new(Edge {
        origin,
        follower: follower.clone(),
        mode,
        shelf: Shelf::new(settings.capacity_bytes, settings.limits.cached_body_max),
        flights: Flights::new(),
        unshared: Unshared::new(),
        fetches: Semaphore::new(settings.limits.fetches_max),
        token_key: settings.token_key,
        push_keys: settings.push_keys,
        trusted_proxies: settings.trusted_proxies,
        limits: settings.limits,
        read_gate: settings.read_gate,
        measures: Measures::new(),
        world,
    });
    settings.supervisor.listens("the edge", addr, HEALTH);
    let join = tokio::spawn(run(edge, settings.supervisor, listener, shutdown));

    Ok(Running { addr, join, follower })
}

/// Accepts until `shutdown`, then lets the connections end; the log is followed throughout.
async fn run(
    edge: Arc<Edge>,
    supervisor: Supervisor,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) {
    let follower = edge.follower.clone();
    let following = supervisor.keep("edge-follower", follower, |follower| async move {
        follower.run(std::future::pending()).await;
    });
    let following = tokio::spawn(following);
    let limits = edge.limits;

    connections::serve(edge, limits, listener, shutdown).await;
    following.abort();
    // Nobody reads the table any more.
    let _ = following.await;
}

impl Answers for Edge {
    fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
    ) -> impl Future<Output = Response<Body>> + Send {
        self.handle(request, peer)
    }

    fn at_once(&self, head: &Head<'_>, peer: IpAddr, reply: &mut Reply) -> Option<()> {
        Self::at_once(self, head, peer, reply)
    }
}

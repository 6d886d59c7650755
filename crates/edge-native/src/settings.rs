//! The settings of an edge.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use edge_core::auth::{KeyRing, SigningKey};
use http::Uri;
use http_server::ServerSettings;
use limits::RateLimit;
use ports::World;
use supervision::Supervisor;

pub struct EdgeSettings {
    pub listen: Listen,
    /// Scheme and authority, `http` or `https`; nothing else.
    pub origin: Uri,
    /// With which requests to the origin are signed.
    pub key: SigningKey,
    /// With which the origin mints read-your-writes tokens; without it they are ignored.
    pub token_key: Option<SigningKey>,
    /// The keys that pushes are signed with; without them pushes are refused, and the log is
    /// polled.
    pub push_keys: Option<KeyRing>,
    /// The shop's name outside (`X-Public-Host`); by default the address that is listened on. Never
    /// what a client calls it.
    pub public_host: Option<String>,
    /// Proxies in front of this edge, whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpAddr>,
    /// Of cached answers, with their keys, heads and tags.
    pub capacity_bytes: u64,
    pub world: Arc<dyn World>,
    pub server: ServerSettings,
    pub limits: Limits,
    /// The rate limit on cached reads, for each client; `None`: unlimited.
    pub read_gate: Option<Arc<RateLimit>>,
    /// Runs the edge's long-lived tasks.
    pub supervisor: Supervisor,
}

pub enum Listen {
    At(SocketAddr),
    /// A listener that is already bound, so that its port can't be taken meanwhile.
    On(TcpListener),
}

/// What bounds an edge in time and space.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How often the change log is asked for. Rule 7 says a second; the promise of 4 s rests on it.
    pub follow_every: Duration,
    /// For the origin's whole answer to a cached read.
    pub fetch_within: Duration,
    /// How long a request waits for another one's fetch before it asks the origin itself.
    pub leader_deadline: Duration,
    /// How long either side of a passed-on request may be silent.
    pub silence_max: Duration,
    /// How long a connection to the origin stays open without use: shorter than the origin's own
    /// idle timeout, or a request meets a connection that is just being closed.
    pub origin_idle_timeout: Duration,
    /// Requests to the origin for cached reads at once.
    pub fetches_max: usize,
    /// Of an answer to a cached read.
    pub cached_body_max: usize,
    /// Of the body of a request that is passed on.
    pub passed_body_max: u64,
}

/// The origin's address is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the origin must be http://host:port or https://host:port, without a path")]
pub struct InvalidOrigin;

/// Why an edge did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Origin(#[from] InvalidOrigin),
    #[error("{0:?} can't be a host name in a header")]
    PublicHost(String),
    #[error("can't listen on {0}: {1}")]
    Taken(SocketAddr, io::Error),
    #[error("can't listen: {0}")]
    Listen(io::Error),
}

impl From<io::Error> for ServeError {
    fn from(error: io::Error) -> Self {
        Self::Listen(error)
    }
}

impl EdgeSettings {
    /// With the defaults: 64 MiB of answers, no trusted proxy.
    pub fn new(listen: Listen, origin: Uri, key: SigningKey, world: Arc<dyn World>) -> Self {
        Self {
            listen,
            origin,
            key,
            token_key: None,
            push_keys: None,
            public_host: None,
            trusted_proxies: Vec::new(),
            capacity_bytes: 64 << 20,
            world,
            server: ServerSettings::new("edge"),
            limits: Limits::default(),
            read_gate: None,
            supervisor: Supervisor::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            follow_every: Duration::from_secs(1),
            fetch_within: Duration::from_secs(10),
            // Ten times a slow answer of the origin.
            leader_deadline: Duration::from_secs(2),
            silence_max: Duration::from_secs(30),
            // Below the 60 s after which load balancers, and the 75 s after which our origin,
            // close.
            origin_idle_timeout: Duration::from_secs(30),
            fetches_max: 512,
            // A page of 100 products has some 200 KB.
            cached_body_max: 8 << 20,
            // 100,000 rows of an import.
            passed_body_max: 256 << 20,
        }
    }
}

impl fmt::Debug for EdgeSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EdgeSettings")
            .field("origin", &self.origin)
            .field("key", &self.key)
            .field("token_key", &self.token_key)
            .field("push_keys", &self.push_keys)
            .field("public_host", &self.public_host)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("capacity_bytes", &self.capacity_bytes)
            .field("server", &self.server)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

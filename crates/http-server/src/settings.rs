//! The bounds of one server.

use std::net::IpAddr;
use std::time::Duration;

use supervision::Supervisor;

/// Beyond it, when all places are taken, a client is the first to lose connections. Room for some
/// fifty browsers behind one address at the default of 10,000 connections.
const SHARES: usize = 32;
/// A browser opens six connections; two of them must fit however small the server is.
const SHARE_MIN: usize = 12;

#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// `edge`, `origin`, `operators`: the label of its metrics.
    pub name: &'static str,
    pub connections_max: usize,
    /// Of one client address, see [`Self::share`].
    pub connections_per_address: Option<usize>,
    /// Proxies in front of this server: many clients are behind each of their addresses.
    pub trusted: Vec<IpAddr>,
    /// How long a connection may stay open without an answer that was of use, and how long a client
    /// may take nothing of an answer.
    pub idle_timeout: Duration,
    /// From the first byte of a request to the last one of its head.
    pub head_timeout: Duration,
    pub head_bytes_max: usize,
    /// How long requests may take to end after shutdown began.
    pub drain_timeout: Duration,
    /// Runs the accept loop.
    pub supervisor: Supervisor,
}

impl ServerSettings {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            connections_max: 10_000,
            connections_per_address: None,
            trusted: Vec::new(),
            // Longer than proxies keep their idle connections (60 s at most of them), so that a
            // proxy never sends a request on a connection that is being closed here.
            idle_timeout: Duration::from_secs(75),
            head_timeout: Duration::from_secs(10),
            // A query has 2 KB, a cookie 4 KB; browsers send little beside.
            head_bytes_max: 32 << 10,
            drain_timeout: Duration::from_secs(10),
            supervisor: Supervisor::default(),
        }
    }

    /// How many connections of one address are safe from being replaced by those of others.
    pub fn share(&self) -> usize {
        let derived = (self.connections_max / SHARES).max(SHARE_MIN);

        self.connections_per_address.unwrap_or(derived)
    }

    /// By which name the accept loop is supervised.
    pub(crate) fn accept_task(&self) -> &'static str {
        match self.name {
            "edge" => "edge-accept",
            "origin" => "origin-accept",
            "operators" => "operators-accept",
            _ => "accept",
        }
    }

    /// How often deadlines are looked at: a connection ends late by an eighth at most.
    pub(crate) fn sweep_every(&self) -> Duration {
        let shortest = self.idle_timeout.min(self.head_timeout);

        (shortest / 8).clamp(Duration::from_millis(5), Duration::from_millis(500))
    }
}

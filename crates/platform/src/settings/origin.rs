//! `[origin]`: the API behind the edges, and the admin's.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use store::idempotency::LEASE_MAX;

use super::connections::{ConnectionKeys, ConnectionSettings};
use super::edge::EdgeSettings;
use super::reader::Reader;
use super::values::{address, proxies};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginSettings {
    pub listen: SocketAddr,
    pub trusted_proxies: Vec<IpAddr>,
    /// How long an idempotency key stays with a request that does not renew it.
    pub idempotency_lease: Duration,
    pub connections: ConnectionSettings,
}

impl OriginSettings {
    const LISTEN: &str = "origin.listen";
    const IDLE_TIMEOUT: &str = "origin.idle_timeout_s";
    const CONNECTIONS: ConnectionKeys = ConnectionKeys {
        connections_max: "origin.connections_max",
        connections_per_address: "origin.connections_per_address",
        idle_timeout: Self::IDLE_TIMEOUT,
        head_timeout: "origin.head_timeout_s",
    };

    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let listen = reader.required(Self::LISTEN, address);
        let trusted_proxies = proxies(reader, "origin.trusted_proxies");
        let lease =
            reader.number("origin.idempotency_lease_ms", 1_000, LEASE_MAX.as_millis() as u64);
        let connections = ConnectionSettings::read(reader, &Self::CONNECTIONS);

        Some(Self {
            listen: listen?,
            trusted_proxies: trusted_proxies?,
            idempotency_lease: Duration::from_millis(lease?),
            connections: connections?,
        })
    }

    pub(super) fn refuse_conflicts_with(&self, edge: &EdgeSettings, reader: &mut Reader) {
        self.refuse_same_port(edge, reader);
        self.refuse_closing_first(edge, reader);
    }

    fn refuse_same_port(&self, edge: &EdgeSettings, reader: &mut Reader) {
        let (edge, origin) = (edge.listen, self.listen);
        let overlap =
            edge.ip() == origin.ip() || edge.ip().is_unspecified() || origin.ip().is_unspecified();

        if edge.port() != 0 && edge.port() == origin.port() && overlap {
            let key = EdgeSettings::LISTEN;
            let what = format!("{origin} is taken by {key} = {edge}; each needs its own port");
            reader.refuse(Self::LISTEN, what);
        }
    }

    /// An origin that closes idle connections before the edge stops using them answers some
    /// requests with a closed connection. Twice the edge's timeout leaves room for clock drift and
    /// for responses in flight.
    fn refuse_closing_first(&self, edge: &EdgeSettings, reader: &mut Reader) {
        let (edge, origin) = (edge.origin_idle_timeout, self.connections.idle_timeout);

        if origin < edge * 2 {
            let what = format!(
                "{} is less than twice {} = {}: the edge would send requests on connections that \
                 the origin is closing",
                origin.as_secs(),
                EdgeSettings::ORIGIN_IDLE_TIMEOUT,
                edge.as_secs()
            );
            reader.refuse(Self::IDLE_TIMEOUT, what);
        }
    }
}

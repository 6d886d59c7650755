//! `[edge]`: the server that shoppers reach, in the shop's process or in one of its own.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::connections::{ConnectionKeys, ConnectionSettings, seconds};
use super::reader::Reader;
use super::values::{address, capacity, host, proxies, url};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeSettings {
    pub listen: SocketAddr,
    /// Of the operators' page of an edge alone; in the whole shop the origin serves it.
    pub operators_listen: SocketAddr,
    /// Scheme and authority; `None`: the origin of the same process.
    pub origin_url: Option<String>,
    pub public_host: Option<String>,
    pub trusted_proxies: Vec<IpAddr>,
    pub capacity_bytes: u64,
    pub connections: ConnectionSettings,
    /// How long an unused connection to the origin is kept open.
    pub origin_idle_timeout: Duration,
}

impl EdgeSettings {
    pub(super) const LISTEN: &str = "edge.listen";
    pub(super) const ORIGIN_IDLE_TIMEOUT: &str = "edge.origin_idle_timeout_s";
    const CONNECTIONS: ConnectionKeys = ConnectionKeys {
        connections_max: "edge.connections_max",
        connections_per_address: "edge.connections_per_address",
        idle_timeout: "edge.idle_timeout_s",
        head_timeout: "edge.head_timeout_s",
    };

    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let listen = reader.required(Self::LISTEN, address);
        let operators_listen = reader.required("edge.operators_listen", address);
        let origin_url = reader.optional("edge.origin_url", url);
        let public_host = reader.optional("edge.public_host", host);
        let trusted_proxies = proxies(reader, "edge.trusted_proxies");
        let capacity_bytes = capacity(reader, "edge.capacity_mb");
        let connections = ConnectionSettings::read(reader, &Self::CONNECTIONS);
        let origin_idle_timeout = seconds(reader, Self::ORIGIN_IDLE_TIMEOUT);

        Some(Self {
            listen: listen?,
            operators_listen: operators_listen?,
            origin_url,
            public_host,
            trusted_proxies: trusted_proxies?,
            capacity_bytes: capacity_bytes?,
            connections: connections?,
            origin_idle_timeout: origin_idle_timeout?,
        })
    }
}

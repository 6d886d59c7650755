//! The connection limits of a server, the same keys in `[edge]` and `[origin]`.

use std::time::Duration;

use http_server::ServerSettings;

use super::reader::Reader;

/// Most systems allow a process no more descriptors than this.
const CONNECTIONS_MAX: u64 = 1 << 20;
const TIMEOUT_MAX_S: u64 = 3_600;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// `None`: the default, lowered to what the limit of open files allows.
    pub connections_max: Option<usize>,
    pub connections_per_address: Option<usize>,
    pub idle_timeout: Duration,
    pub head_timeout: Duration,
}

/// The names of one server's keys.
pub(super) struct ConnectionKeys {
    pub connections_max: &'static str,
    pub connections_per_address: &'static str,
    pub idle_timeout: &'static str,
    pub head_timeout: &'static str,
}

impl ConnectionSettings {
    pub(super) fn read(reader: &mut Reader, keys: &ConnectionKeys) -> Option<Self> {
        let connections_max = count(reader, keys.connections_max);
        let connections_per_address = count(reader, keys.connections_per_address);
        let idle_timeout = seconds(reader, keys.idle_timeout);
        let head_timeout = seconds(reader, keys.head_timeout);

        Some(Self {
            connections_max,
            connections_per_address,
            idle_timeout: idle_timeout?,
            head_timeout: head_timeout?,
        })
    }

    /// The settings of the server `name`, which may hold `allowed` connections by the limit of open
    /// files.
    pub fn server(&self, name: &'static str, allowed: usize) -> ServerSettings {
        let default = ServerSettings::new(name);
        let wanted = self.connections_max.unwrap_or(default.connections_max);
        let connections_max = wanted.min(allowed);
        if self.connections_max.is_some() && connections_max < wanted {
            tracing::warn!(
                server = name,
                wanted,
                connections_max,
                "the limit of open files allows fewer connections than connections_max"
            );
        }
        tracing::info!(server = name, connections_max, "connection limit");

        ServerSettings {
            connections_max,
            connections_per_address: self.connections_per_address,
            idle_timeout: self.idle_timeout,
            head_timeout: self.head_timeout,
            ..default
        }
    }
}

pub(super) fn seconds(reader: &mut Reader, key: &'static str) -> Option<Duration> {
    reader.number(key, 1, TIMEOUT_MAX_S).map(Duration::from_secs)
}

fn count(reader: &mut Reader, key: &'static str) -> Option<usize> {
    let number = reader.number(key, 1, CONNECTIONS_MAX)?;

    usize::try_from(number).ok()
}

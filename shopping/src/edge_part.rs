//! The catalogue's edge as a part of a process, the whole shop's or one of its own.

use std::sync::Arc;

use anyhow::Context as _;
use edge_native::{EdgeSettings, Listen};
use platform::{ConnectionBudget, Secrets};
use ports::World;

/// The edge's settings, in front of the origin at `url`.
pub fn settings(
    edge: &platform::EdgeSettings,
    budget: ConnectionBudget,
    url: &str,
    secrets: &Secrets,
    world: &Arc<dyn World>,
) -> anyhow::Result<EdgeSettings> {
    let url = url.parse().with_context(|| format!("edge.origin_url is not a URL: {url}"))?;
    let listen = Listen::At(edge.listen);
    let mut made = EdgeSettings::new(listen, url, secrets.edge_key(), Arc::clone(world));
    made.public_host.clone_from(&edge.public_host);
    made.trusted_proxies.clone_from(&edge.trusted_proxies);
    made.capacity_bytes = edge.capacity_bytes;
    made.server = edge.connections.server("edge", budget.edge);
    made.limits.origin_idle_timeout = edge.origin_idle_timeout;
    made.limits.fetches_max = budget.fetches;
    made.token_key = Some(secrets.token_key());
    made.push_keys = Some(secrets.edge_keys());

    Ok(made)
}

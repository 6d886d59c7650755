//! `[invalidator]`: which processes it notifies of changes, and what it purges.

use std::net::SocketAddr;
use std::time::Duration;

use super::reader::Reader;
use super::secrets::Secret;
use super::values::{address, url};

/// Slower than this, the edges' own polls find a change sooner.
const POLL_MAX_MS: u64 = 10_000;
/// Faster gains nothing: pushes are 20 ms apart.
const POLL_MIN_MS: u64 = 10;
const ONE_IN_MAX: u64 = 1_000_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidatorSettings {
    /// Whether it runs in the shop's process.
    pub enabled: bool,
    /// Its operators' page when it runs as a process of its own.
    pub listen: SocketAddr,
    pub edges: Vec<String>,
    pub origins: Vec<String>,
    pub poll_every: Duration,
    /// One product change in so many is checked for staleness; `None`: none is.
    pub observe_one_in: Option<u64>,
    /// `None`: nothing is purged.
    pub cloudflare: Option<CloudflareSettings>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudflareSettings {
    pub zone: String,
    pub token: Secret,
    pub plan: PurgePlan,
    /// Scheme and authority.
    pub endpoint: String,
}

/// The zone's Cloudflare plan, which decides how often it may be purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurgePlan {
    Free,
    Pro,
    Business,
    Enterprise,
}

impl InvalidatorSettings {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let enabled = reader.switch("invalidator.enabled");
        let listen = reader.required("invalidator.listen", address);
        let edges = reader.list("invalidator.edges", url);
        let origins = reader.list("invalidator.origins", url);
        let poll = reader.number("invalidator.poll_ms", POLL_MIN_MS, POLL_MAX_MS);
        let one_in = reader.number("invalidator.observe_one_in", 0, ONE_IN_MAX);
        let cloudflare = CloudflareSettings::read(reader);

        Some(Self {
            enabled: enabled?,
            listen: listen?,
            edges: edges?,
            origins: origins?,
            poll_every: Duration::from_millis(poll?),
            observe_one_in: one_in.map(|one_in| (one_in > 0).then_some(one_in))?,
            cloudflare: cloudflare?,
        })
    }
}

impl CloudflareSettings {
    /// `Some(None)` without a zone.
    fn read(reader: &mut Reader) -> Option<Option<Self>> {
        let zone = reader.optional("invalidator.cloudflare.zone", zone);
        let plan = reader.choice(
            "invalidator.cloudflare.plan",
            &[
                ("free", PurgePlan::Free),
                ("pro", PurgePlan::Pro),
                ("business", PurgePlan::Business),
                ("enterprise", PurgePlan::Enterprise),
            ],
        );
        let endpoint = reader.required("invalidator.cloudflare.endpoint", endpoint);
        let Some(zone) = zone else {
            let needs = "set without its zone, invalidator.cloudflare.zone";
            if reader.secret("invalidator.cloudflare.token").is_some() {
                reader.refuse("invalidator.cloudflare.token", needs);
            }
            return Some(None);
        };
        let token = reader.required_secret("invalidator.cloudflare.token");

        Some(Some(Self { zone, token: token?, plan: plan?, endpoint: endpoint? }))
    }
}

/// `cache-purge_identifier` in Cloudflare's API: at most 32 characters, hexadecimal in every zone.
fn zone(text: &str) -> Result<String, &'static str> {
    let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());

    if is_id { Ok(text.to_owned()) } else { Err("it must be a zone's id, 32 hexadecimal digits") }
}

/// Every request carries the token, so it leaves this machine only over TLS.
fn endpoint(text: &str) -> Result<String, &'static str> {
    let text = url(text)?;
    let is_here = ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|here| {
        text.strip_prefix(here).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    });

    if is_here || text.starts_with("https://") { Ok(text) } else { Err("it must be https") }
}

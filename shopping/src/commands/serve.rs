//! Without a command: the whole shop in one process, an origin, an edge in front of it, and the
//! invalidator.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use cache::Follower;
use cache_invalidator::{Invalidator, Parts};
use clap::Args;
use domain::limits::LimitClass;
use domain::{Currency, Stamp};
use limits::RateLimits;
use origin::{Shop, ShopSettings};
use platform::{
    ConnectionBudget, OpenFiles, Platform, Process, Settings, Shutdown, Sources, console,
};
use ports::ChangeNotifier;
use store::{Actor, Catalog};
use tokio::net::TcpListener;

use crate::start::Start;
use crate::{demo, edge_part};

/// Edge and origin drain one after the other, each within ten seconds.
const DRAIN_WITHIN: Duration = Duration::from_secs(25);
/// The origin is in the same process and has loaded the catalogue; the edge asks it once.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, Default, Args)]
pub struct ServeArguments {
    /// The port of the edge; 0 takes a free one.
    #[arg(long, value_name = "PORT")]
    edge_port: Option<u16>,

    /// The port of the origin; 0 takes a free one.
    #[arg(long, value_name = "PORT")]
    origin_port: Option<u16>,

    /// Starts with an empty catalogue instead of the demo one.
    #[arg(long)]
    no_demo: bool,
}

impl ServeArguments {
    pub fn add_to(&self, mut sources: Sources) -> Sources {
        if let Some(port) = self.edge_port {
            sources = sources.flag("--edge-port", "edge.listen", format!("127.0.0.1:{port}"));
        }
        if let Some(port) = self.origin_port {
            sources = sources.flag("--origin-port", "origin.listen", format!("127.0.0.1:{port}"));
        }
        if self.no_demo {
            sources = sources.flag("--no-demo", "catalog.demo", "false");
        }
        sources
    }
}

/// Runs until a signal ends it.
pub(super) async fn run(start: Start) -> anyhow::Result<ExitCode> {
    let settings = &start.settings;
    let mut process = Process::start(&settings.log)?;
    let budget = OpenFiles::raise().whole_shop();
    let platform = start.connect().await?;
    prepare_catalog(&start, &platform).await?;

    let rate_limits = platform.rate_limits(settings);
    let origin_shutdown = Shutdown::default();
    let shop = shop(&platform, settings, &rate_limits, &process);
    let server = settings.origin.connections.server("origin", budget.origin);
    let origin = origin::serve(shop.clone(), bind(settings)?, server, origin_shutdown.begun())
        .await
        .context("the origin did not start")?;
    let edge =
        start_edge(settings, &process, &platform, &rate_limits, (budget, origin.addr)).await?;
    process.spawn_background(platform.background_tasks(shop.catalog().log()));
    add_checks(&process, &platform, edge.follower());
    let followers = [shop.follower().clone(), edge.follower().clone()];
    announce_changes(settings, &mut process, &platform, followers, edge.addr)?;

    until_followed(edge.follower()).await;
    console::announce(format!(
        "shop ready: edge http://{} origin http://{}",
        edge.addr, origin.addr
    ));
    let begun = process.shutdown.begun();
    process.spawn(async move {
        begun.await;
        // The edge first: requests that it still forwards need an origin.
        let _ = edge.join.await;
        origin_shutdown.begin();
        let _ = origin.done.await;
    });
    Ok(process.run(DRAIN_WITHIN).await)
}

async fn prepare_catalog(start: &Start, platform: &Platform) -> anyhow::Result<()> {
    let catalog = Catalog::over(platform.db());
    start.agree_on_currency(&catalog).await?;

    // The demo catalogue is priced in dollars; a shop that sells in another currency starts empty.
    let settings = &start.settings.catalog;
    if settings.demo && settings.currency == Currency::USD {
        let filled = demo::fill_if_empty(&catalog, &Actor::command("demo")).await;
        filled.context("the demo catalogue could not be imported")?;
    }
    Ok(())
}

fn bind(settings: &Settings) -> anyhow::Result<TcpListener> {
    let listen = settings.origin.listen;

    http_server::bind(listen)
        .with_context(|| format!("the origin can't listen on {listen} (origin.listen)"))
}

fn shop(
    platform: &Platform,
    settings: &Settings,
    rate_limits: &RateLimits,
    process: &Process,
) -> Shop {
    let metrics = process.metrics.clone();
    let made = ShopSettings {
        currency: settings.catalog.currency,
        cache_bytes: settings.cache.capacity_bytes(),
        shared: platform.shared.clone(),
        // The invalidator notifies other processes, where there is one.
        notifier: platform.notifier.clone().filter(|_| !settings.invalidator.enabled),
        rate_limits: rate_limits.clone(),
        edge_keys: platform.secrets.edge_keys(),
        token_key: platform.secrets.token_key(),
        metrics: Arc::new(move || metrics.render()),
        supervisor: process.supervisor.clone(),
        trusted_proxies: settings.origin.trusted_proxies.clone(),
        idempotency_lease: settings.origin.idempotency_lease,
    };

    Shop::new(Arc::clone(&platform.items), Arc::clone(&platform.world), made)
}

/// In front of the origin at `origin`, unless `edge.origin_url` names another one.
async fn start_edge(
    settings: &Settings,
    process: &Process,
    platform: &Platform,
    rate_limits: &RateLimits,
    (budget, origin): (ConnectionBudget, SocketAddr),
) -> anyhow::Result<edge_native::Running> {
    let url = settings.edge.origin_url.clone().unwrap_or_else(|| format!("http://{origin}"));
    let mut made =
        edge_part::settings(&settings.edge, budget, &url, &platform.secrets, &platform.world)?;
    made.supervisor = process.supervisor.clone();
    made.read_gate = rate_limits.of(LimitClass::Read).cloned();

    edge_native::serve(made, process.shutdown.begun())
        .await
        .map_err(|error| anyhow::anyhow!("the edge did not start: {error} (edge.listen)"))
}

fn add_checks(process: &Process, platform: &Platform, edge: &Follower) {
    platform.check_writes(&process.supervisor);
    let edge = edge.clone();

    process.supervisor.check("the edge does not follow the change log", move || {
        std::future::ready(edge.fit().is_some())
    });
}

/// Lets caches know of changes without waiting for their polls: by the invalidator, or, where that
/// is another process, by the notifications of other processes.
fn announce_changes(
    settings: &Settings,
    process: &mut Process,
    platform: &Platform,
    followers: [Follower; 2],
    edge: SocketAddr,
) -> anyhow::Result<()> {
    if settings.invalidator.enabled {
        let mut parts = Parts::of(platform, process.supervisor.clone());
        parts.local_followers = followers.into();
        parts.observed = vec![format!("http://{edge}")];
        let invalidator = Invalidator::new(&settings.invalidator, parts)
            .context("the invalidator did not start")?;
        let running = invalidator.start(&process.shutdown);
        process.spawn(running.ended());
    } else if let Some(notifier) = platform.notifier.clone() {
        let parts = (notifier, followers, process.shutdown.clone());
        let listening = process.supervisor.keep(
            "redis-listener",
            parts,
            async |(notifier, followers, shutdown)| {
                listen(notifier, followers, shutdown.begun()).await;
            },
        );
        process.spawn(listening);
    }
    Ok(())
}

/// Waits, within a bound, until the edge follows the change log, so that a shop which says that it
/// is ready is. An edge whose origin is elsewhere and unavailable starts none the less.
async fn until_followed(edge: &Follower) {
    let followed = async {
        while edge.fit().is_none() {
            edge.freshen().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };

    let _ = tokio::time::timeout(FOLLOWED_WITHIN, followed).await;
}

/// Polls the change log as soon as another process notifies this one of a change.
async fn listen(
    notifier: Arc<dyn ChangeNotifier>,
    followers: [Follower; 2],
    ended: impl Future<Output = ()>,
) {
    let on_change = move |head: Stamp| {
        let has_it = |one: &&Follower| {
            one.stamp().is_some_and(|its| its.log == head.log && its.seq >= head.seq)
        };
        followers.iter().filter(|one| !has_it(one)).for_each(Follower::kick);
    };

    tokio::select! {
        () = ended => {}
        () = notifier.subscribe(&on_change) => {}
    }
}

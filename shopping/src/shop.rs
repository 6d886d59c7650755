//! The whole shop in one process: an origin, and an edge in front of it.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use cache::Follower;
use cache_invalidator::{Invalidator, Parts};
use domain::limits::LimitClass;
use domain::{Currency, Stamp};
use limits::RateLimits;
use origin::{MetricsPage, Shop, ShopSettings};
use platform::{OpenFiles, Platform, Settings, Shutdown, console, drain, exit_code};
use ports::Bell;
use store::{Actor, Catalog, Db};
use supervision::Supervisor;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::edge;
use crate::start::Start;

/// Edge and origin drain one after the other, each within ten seconds.
const END_WITHIN: Duration = Duration::from_secs(25);
/// The origin is in the same process and has loaded the catalogue; the edge asks it once.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(5);

/// Runs until a signal ends it.
pub async fn run(start: Start) -> anyhow::Result<ExitCode> {
    let settings = start.settings.clone();
    let supervisor = Supervisor::default();
    let metrics = platform::start_metrics(&supervisor)?;
    platform::start_logging(&settings.log)?;
    let shutdown = Shutdown::on_signals(&supervisor).context("signals can't be heard")?;
    let budget = OpenFiles::raise().whole_shop();
    let platform = start.connect().await?;
    let catalog = Catalog::over(Db::new(platform.items.clone(), platform.world.clone()));
    start.agree_on_currency(&catalog).await?;
    // The demo catalogue is priced in dollars; a shop that sells in another currency starts empty.
    if settings.catalog.demo && settings.catalog.currency == Currency::USD {
        let filled = crate::demo::fill_if_empty(&catalog, &Actor::command("demo")).await;
        filled.context("the demo catalogue could not be put in")?;
    }

    let mut tasks = JoinSet::new();
    let listener = bind(&settings).await?;
    let gates = platform.rate_limits(&settings);
    let page: MetricsPage = Arc::new(move || metrics.render());
    let shop = shop(&platform, &settings, &gates, (page, supervisor.clone()));
    let origin_ends = Shutdown::default();
    let server = settings.origin.connections.server("origin", budget.origin);
    let origin = origin::serve(shop.clone(), listener, server, origin_ends.begun())
        .await
        .context("the origin did not start")?;
    let url = settings.edge.origin_url.clone().unwrap_or_else(|| format!("http://{}", origin.addr));
    let mut of_edge =
        edge::settings(&settings.edge, budget, &url, &platform.secrets, &platform.world)?;
    of_edge.supervisor = supervisor.clone();
    of_edge.read_gate = gates.of(LimitClass::Read).cloned();
    let edge = edge_native::serve(of_edge, shutdown.begun())
        .await
        .map_err(|error| anyhow::anyhow!("the edge did not start: {error} (edge.listen)"))?;
    let parts = (platform.clone(), shutdown.clone());
    tasks.spawn(supervisor.keep("store-sweep", parts, async |(platform, shutdown)| {
        platform.maintain(shutdown.begun()).await;
    }));
    platform.check_writes(&supervisor);
    let of_edge = edge.follower().clone();
    supervisor.check("the edge does not follow the change log", move || {
        std::future::ready(of_edge.fit().is_some())
    });
    let followers = [shop.follower().clone(), edge.follower().clone()];
    if settings.invalidator.enabled {
        let mut parts = Parts::of(&platform, supervisor.clone());
        parts.beside = followers.into();
        parts.observed = vec![format!("http://{}", edge.addr)];
        let invalidator = Invalidator::new(&settings.invalidator, parts)
            .context("the invalidator did not start")?;
        tasks.spawn(invalidator.start(&shutdown).ended());
    } else if let Some(bell) = platform.bell.clone() {
        let parts = (bell, followers, shutdown.clone());
        tasks.spawn(supervisor.keep(
            "redis-listener",
            parts,
            async |(bell, followers, shutdown)| {
                hear(bell, followers, shutdown.begun()).await;
            },
        ));
    }
    until_followed(edge.follower()).await;
    console::announce(format!(
        "shop ready: edge http://{} origin http://{}",
        edge.addr, origin.addr
    ));

    shutdown.begun().await;
    tasks.spawn(async move {
        // The edge first: what it still passes on needs an origin.
        let _ = edge.join.await;
        origin_ends.begin();
        let _ = origin.done.await;
    });
    let drained = drain(tasks, END_WITHIN).await;
    Ok(exit_code(drained, &supervisor))
}

/// So that a shop which says that it is ready is. An edge whose origin is elsewhere, and gone, opens
/// none the less.
async fn until_followed(edge: &Follower) {
    let followed = async {
        while edge.fit().is_none() {
            edge.freshen().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };

    let _ = tokio::time::timeout(FOLLOWED_WITHIN, followed).await;
}

/// Follows the change log at once when another process says that it has grown.
async fn hear(bell: Arc<dyn Bell>, followers: [Follower; 2], ended: impl Future<Output = ()>) {
    let heard = move |head: Stamp| {
        let is_there = |one: &&Follower| {
            one.stamp().is_some_and(|its| its.log == head.log && its.seq >= head.seq)
        };
        followers.iter().filter(|one| !is_there(one)).for_each(Follower::kick);
    };

    tokio::select! {
        () = ended => {}
        () = bell.hear(&heard) => {}
    }
}

async fn bind(settings: &Settings) -> anyhow::Result<TcpListener> {
    let listen = settings.origin.listen;

    TcpListener::bind(listen)
        .await
        .with_context(|| format!("the origin can't listen on {listen} (origin.listen)"))
}

fn shop(
    platform: &Platform,
    settings: &Settings,
    gates: &RateLimits,
    (metrics, supervisor): (MetricsPage, Supervisor),
) -> Shop {
    let made = ShopSettings {
        currency: settings.catalog.currency,
        cache_bytes: settings.cache.capacity_bytes(),
        shared: platform.shared.clone(),
        // The invalidator rings it, where there is one.
        bell: platform.bell.clone().filter(|_| !settings.invalidator.enabled),
        gates: gates.clone(),
        edge_keys: platform.secrets.edge_keys(),
        token_key: platform.secrets.token_key(),
        metrics,
        supervisor,
        trusted_proxies: settings.origin.trusted_proxies.clone(),
        idempotency_lease: settings.origin.idempotency_lease,
    };

    Shop::new(Arc::clone(&platform.items), Arc::clone(&platform.world), made)
}

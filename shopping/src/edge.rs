//! `shopping edge`: an edge as a process of its own, in front of the shop's origin or of any other.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use domain::limits::LimitClass;
use edge_native::{EdgeSettings, Listen, conformance};
use platform::{
    ConnectionBudget, Fitness, LimiterBackend, OpenFiles, OperatorsPage, Secrets, Shutdown,
    console, drain, exit_code, system_world,
};
use ports::World;
use supervision::Supervisor;
use tokio::task::{JoinHandle, JoinSet};

use crate::arguments::EdgeArguments;
use crate::start::Start;

/// The edge drains within ten seconds by itself.
const END_WITHIN: Duration = Duration::from_secs(15);

/// Runs until a signal ends it.
pub async fn run(start: &Start, arguments: &EdgeArguments) -> anyhow::Result<ExitCode> {
    let settings = &start.settings.edge;
    let supervisor = Supervisor::default();
    let metrics = platform::start_metrics(&supervisor)?;
    platform::start_logging(&start.settings.log)?;
    let shutdown = Shutdown::on_signals(&supervisor).context("signals can't be heard")?;
    let budget = OpenFiles::raise().edge_alone();
    let url = settings.origin_url.as_ref();
    let url = url.context("an edge alone needs an origin: --origin URL (edge.origin_url)")?;
    let world = system_world();
    let listen = settings.operators_listen;
    let page = OperatorsPage::bind(listen, metrics, supervisor.clone())
        .await
        .with_context(|| format!("can't listen on {listen} (edge.operators_listen)"))?;

    let (addr, join, fitness) = if arguments.conformance {
        let origin = url.parse().with_context(|| format!("--origin {url}"))?;
        let mut made = conformance::Settings::new(settings.listen, origin, world);
        made.capacity_bytes = settings.capacity_bytes;
        made.supervisor = supervisor.clone();
        made.server = settings.connections.server("edge", budget.edge);
        made.server.trusted.clone_from(&settings.trusted_proxies);
        made.limits.origin_idle_timeout = settings.origin_idle_timeout;
        made.limits.fetches_max = budget.fetches;
        let running = conformance::serve(made, shutdown.begun()).await.context(NOT_STARTED)?;
        let fitness: Fitness = Arc::new(|| Some("it follows no change log".to_owned()));
        (running.addr, running.join, fitness)
    } else {
        // Those of the data folder, where the origin has them from; across machines, given ones.
        let secrets = Secrets::obtain(&start.settings.secrets, &start.settings.data_dir, &*world)?;
        let limiter_backend = LimiterBackend::open(&start.settings, &world).await?;
        let mut made = self::settings(settings, budget, url, &secrets, &world)?;
        made.supervisor = supervisor.clone();
        made.read_gate = limiter_backend.rate_limits(&start.settings).of(LimitClass::Read).cloned();
        let running = edge_native::serve(made, shutdown.begun()).await.context(NOT_STARTED)?;
        let (follower, behind) = (running.follower().clone(), running.behind());
        let fitness: Fitness = Arc::new(move || {
            let position = follower.fit()?;
            Some(match behind.load(Ordering::Relaxed) {
                0 => position.to_string(),
                behind => format!("{position}\nanswers behind the change log: {behind}"),
            })
        });
        (running.addr, running.join, fitness)
    };
    console::announce(format!("edge ready: http://{addr} operators http://{}", page.addr));
    let page = tokio::spawn(page.serve(fitness, shutdown.clone()));
    until_the_end([join, page], &shutdown, &supervisor).await
}

const NOT_STARTED: &str = "the edge did not start (edge.listen, edge.origin_url)";

async fn until_the_end(
    running: [JoinHandle<()>; 2],
    shutdown: &Shutdown,
    supervisor: &Supervisor,
) -> anyhow::Result<ExitCode> {
    shutdown.begun().await;
    let mut tasks = JoinSet::new();
    for one in running {
        tasks.spawn(async move {
            let _ = one.await;
        });
    }
    let drained = drain(tasks, END_WITHIN).await;
    Ok(exit_code(drained, supervisor))
}

/// The catalogue's edge, in front of the origin at `url`.
pub fn settings(
    edge: &platform::EdgeSettings,
    budget: ConnectionBudget,
    url: &str,
    secrets: &Secrets,
    world: &Arc<dyn World>,
) -> anyhow::Result<EdgeSettings> {
    let url = url.parse().with_context(|| format!("edge.origin_url is no address: {url}"))?;
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

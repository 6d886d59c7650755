//! `shopping edge`: an edge as a process of its own, in front of the shop's origin or of any other.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use domain::limits::LimitClass;
use edge_native::conformance;
use platform::{
    ConnectionBudget, Fitness, LimiterBackend, OpenFiles, Process, Secrets, Sources, console,
    system_world,
};

use crate::edge_part;
use crate::start::Start;

/// The edge itself drains within ten seconds.
const DRAIN_WITHIN: Duration = Duration::from_secs(15);

const NOT_STARTED: &str = "the edge did not start (edge.listen, edge.origin_url)";

#[derive(Clone, Debug, Args)]
pub struct EdgeArguments {
    /// The origin's address (edge.origin_url), such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL")]
    origin: Option<String>,

    /// The address to listen on (edge.listen); port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,

    /// Caches any origin by HTTP's rules, with whole URLs as keys, instead of the catalogue: for
    /// public test suites.
    #[arg(long)]
    conformance: bool,
}

impl EdgeArguments {
    pub fn add_to(&self, mut sources: Sources) -> Sources {
        if let Some(origin) = &self.origin {
            sources = sources.flag("--origin", "edge.origin_url", origin.clone());
        }
        if let Some(listen) = &self.listen {
            sources = sources.flag("--listen", "edge.listen", listen.clone());
        }
        // No origin listens in this process, so its port is free for the edge.
        sources.flag("edge", "origin.listen", "127.0.0.1:0")
    }
}

/// Runs until a signal ends it.
pub(super) async fn run(start: &Start, arguments: &EdgeArguments) -> anyhow::Result<ExitCode> {
    let settings = &start.settings.edge;
    let mut process = Process::start(&start.settings.log)?;
    let budget = OpenFiles::raise().edge_alone();
    let url = settings.origin_url.as_ref();
    let url = url.context("an edge alone needs an origin: --origin URL (edge.origin_url)")?;
    let page = process.operators_page(settings.operators_listen, "edge.operators_listen").await?;

    let (addr, fitness) = if arguments.conformance {
        start_conformance(start, &mut process, budget, url).await?
    } else {
        start_edge(start, &mut process, budget, url).await?
    };
    console::announce(format!("edge ready: http://{addr} operators http://{}", page.addr));
    process.spawn(page.serve(fitness, process.shutdown.clone()));

    Ok(process.run(DRAIN_WITHIN).await)
}

async fn start_edge(
    start: &Start,
    process: &mut Process,
    budget: ConnectionBudget,
    url: &str,
) -> anyhow::Result<(SocketAddr, Fitness)> {
    let settings = &start.settings;
    let world = system_world();
    // On the origin's machine those of the data folder; across machines they are given.
    let secrets = Secrets::of_origin(&settings.secrets, &settings.data_dir)?;
    let limiter = LimiterBackend::open(settings, &world).await?;
    let mut made = edge_part::settings(&settings.edge, budget, url, &secrets, &world)?;
    made.supervisor = process.supervisor.clone();
    made.read_gate = limiter.rate_limits(settings).of(LimitClass::Read).cloned();

    let running = edge_native::serve(made, process.shutdown.begun()).await.context(NOT_STARTED)?;
    let (follower, behind) = (running.follower().clone(), running.behind());
    let fitness: Fitness = Arc::new(move || {
        let position = follower.fit()?;
        Some(match behind.load(Ordering::Relaxed) {
            0 => position.to_string(),
            behind => format!("{position}\nanswers behind the change log: {behind}"),
        })
    });
    let (addr, join) = (running.addr, running.join);
    process.spawn(async move {
        let _ = join.await;
    });
    Ok((addr, fitness))
}

async fn start_conformance(
    start: &Start,
    process: &mut Process,
    budget: ConnectionBudget,
    url: &str,
) -> anyhow::Result<(SocketAddr, Fitness)> {
    let settings = &start.settings.edge;
    let origin = url.parse().with_context(|| format!("--origin {url}"))?;
    let mut made = conformance::Settings::new(settings.listen, origin, system_world());
    made.capacity_bytes = settings.capacity_bytes;
    made.supervisor = process.supervisor.clone();
    made.server = settings.connections.server("edge", budget.edge);
    made.server.trusted.clone_from(&settings.trusted_proxies);
    made.limits.origin_idle_timeout = settings.origin_idle_timeout;
    made.limits.fetches_max = budget.fetches;

    let running = conformance::serve(made, process.shutdown.begun()).await.context(NOT_STARTED)?;
    process.spawn(async move {
        let _ = running.join.await;
    });
    Ok((running.addr, Arc::new(|| Some("it follows no change log".to_owned()))))
}

//! The invalidator as a process of its own, with the shop's settings.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use platform::{OperatorsPage, Platform, Settings, Shutdown, Sources, console, drain, exit_code};
use supervision::Supervisor;

use crate::invalidator::{Invalidator, Parts};

/// A last purge has three seconds.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Follows the shop's change log and tells edges, origins and Cloudflare of changes.
#[derive(Debug, Parser)]
#[command(name = "cache-invalidator", version)]
pub struct Arguments {
    /// Where the shop keeps its data.
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,

    /// A file of settings, on top of the defaults (settings/default.toml).
    #[arg(long, value_name = "FILE", env = "SHOP_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Runs until a signal ends it.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut sources = Sources::of_process().file(arguments.config);
    if let Some(folder) = &arguments.data_dir {
        let folder = folder.to_str().context("--data-dir is not UTF-8")?;
        sources = sources.flag("--data-dir", "data_dir", folder);
    }
    let settings = Settings::load(&sources)?;
    let supervisor = Supervisor::default();
    let metrics = platform::start_metrics(&supervisor)?;
    platform::start_logging(&settings.log)?;
    let shutdown = Shutdown::on_signals(&supervisor).context("signals can't be heard")?;
    let platform = Platform::connect(&settings).await?;
    let listen = settings.invalidator.listen;
    let page = OperatorsPage::bind(listen, metrics, supervisor.clone())
        .await
        .with_context(|| format!("can't listen on {listen} (invalidator.listen)"))?;
    let addr = page.addr;

    let invalidator =
        Invalidator::new(&settings.invalidator, Parts::of(&platform, supervisor.clone()))?;
    let mut running = invalidator.start(&shutdown);
    let follower = running.follower;
    let fitness = move || follower.fit().map(|stamp| stamp.to_string());
    running.tasks.spawn(page.serve(Arc::new(fitness), shutdown.clone()));
    console::announce(format!("cache-invalidator ready: http://{addr}"));

    shutdown.begun().await;
    let drained = drain(running.tasks, END_WITHIN).await;
    Ok(exit_code(drained, &supervisor))
}

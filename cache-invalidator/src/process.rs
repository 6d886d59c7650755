//! The invalidator as a process of its own, with the shop's settings.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use platform::{Platform, Process, Settings, Sources, console};

use crate::invalidator::{Invalidator, Parts};

/// The last purge may take three seconds.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// Follows the shop's change log and notifies edges, origins and Cloudflare of changes.
#[derive(Debug, Parser)]
#[command(name = "cache-invalidator", version)]
pub struct Arguments {
    /// The folder with the shop's data.
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,

    /// A settings file, which overrides the defaults (settings/default.toml).
    #[arg(long, value_name = "FILE", env = "SHOP_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Runs until a signal ends it.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let settings = settings(arguments)?;
    let mut process = Process::start(&settings.log)?;
    let platform = Platform::connect(&settings).await?;
    let listen = settings.invalidator.listen;
    let page = process.operators_page(listen, "invalidator.listen").await?;
    let addr = page.addr;

    let parts = Parts::of(&platform, process.supervisor.clone());
    let running = Invalidator::new(&settings.invalidator, parts)?.start(&process.shutdown);
    let follower = running.follower.clone();
    let fitness = move || follower.fit().map(|stamp| stamp.to_string());
    process.spawn(running.ended());
    process.spawn(page.serve(Arc::new(fitness), process.shutdown.clone()));
    console::announce(format!("cache-invalidator ready: http://{addr}"));

    Ok(process.run(DRAIN_WITHIN).await)
}

fn settings(arguments: Arguments) -> anyhow::Result<Settings> {
    let mut sources = Sources::of_process().file(arguments.config);
    if let Some(folder) = &arguments.data_dir {
        let folder = folder.to_str().context("--data-dir is not UTF-8")?;
        sources = sources.flag("--data-dir", "data_dir", folder);
    }

    Ok(Settings::load(&sources)?)
}

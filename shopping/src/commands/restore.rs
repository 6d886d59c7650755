//! `shopping restore`: replaces the shop's data by a backup.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use platform::{Settings, console};

#[derive(Clone, Debug, Args)]
pub struct RestoreArguments {
    /// What `shopping backup` has made, or a copy of a shop's data folder.
    #[arg(value_name = "FOLDER|FILE")]
    from: PathBuf,
}

pub(super) async fn run(
    settings: &Settings,
    arguments: &RestoreArguments,
) -> anyhow::Result<ExitCode> {
    let from = &arguments.from;
    let restored = platform::restore(settings, from).await.context("nothing was restored")?;

    console::say(format_args!(
        "the shop is restored from {}; its change log is now {}",
        from.display(),
        restored.log
    ));
    if let Some(kept) = restored.kept {
        console::say(format_args!("the previous database is kept in {}", kept.display()));
    }
    Ok(ExitCode::SUCCESS)
}

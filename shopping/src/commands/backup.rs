//! `shopping backup`: saves the shop's data.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use platform::{Settings, console};

#[derive(Clone, Debug, Args)]
pub struct BackupArguments {
    /// A new folder, which gets the database and the generated secrets; or a new file that ends in
    /// .db, which gets the database only.
    #[arg(value_name = "FOLDER|FILE.db")]
    to: PathBuf,
}

pub(super) fn run(settings: &Settings, arguments: &BackupArguments) -> anyhow::Result<ExitCode> {
    let to = &arguments.to;
    platform::back_up(settings, to).context("nothing was saved")?;

    console::say(format_args!("the shop is saved in {}", to.display()));
    Ok(ExitCode::SUCCESS)
}

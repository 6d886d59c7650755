//! `shopping log`: maintains the change log.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use platform::console;
use store::Log;

use crate::start::Start;

#[derive(Clone, Debug, Subcommand)]
pub enum LogCommand {
    /// Gives it another name, so that every cache drops its entries: after a store was restored by
    /// other means than `shopping restore`.
    Renew,
}

pub(super) async fn run(start: &Start, command: &LogCommand) -> anyhow::Result<ExitCode> {
    let LogCommand::Renew = command;
    start.require_shop()?;
    let platform = start.connect().await?;
    let log = Log::new(platform.db());
    let name = log.renew(&[]).await.context("the change log could not be renewed")?;

    console::say(format_args!(
        "the change log is now {name}; every cache drops its entries within seconds"
    ));
    Ok(ExitCode::SUCCESS)
}

//! `shopping backup`, `shopping restore` and `shopping log renew`: the shop's data saved and put back.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use platform::{Platform, Settings, console};
use store::{Db, Log};

use crate::arguments::LogCommand;

pub fn back_up(settings: &Settings, to: &Path) -> anyhow::Result<ExitCode> {
    platform::back_up(settings, to).context("nothing was saved")?;

    console::say(format_args!("the shop is saved in {}", to.display()));
    Ok(ExitCode::SUCCESS)
}

pub async fn restore(settings: &Settings, from: &Path) -> anyhow::Result<ExitCode> {
    let restored = platform::restore(settings, from).await.context("nothing was put back")?;

    console::say(format_args!(
        "the shop is as in {}; its change log is {} now",
        from.display(),
        restored.log
    ));
    if let Some(kept) = restored.kept {
        console::say(format_args!("what was there before is kept in {}", kept.display()));
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn log(platform: &Platform, command: &LogCommand) -> anyhow::Result<ExitCode> {
    let LogCommand::Renew = command;
    let log = Log::new(Db::new(platform.items.clone(), platform.world.clone()));
    let name = log.renew(&[]).await.context("the change log could not be renewed")?;

    console::say(format_args!(
        "the change log is {name} now; within seconds every cache starts anew"
    ));
    Ok(ExitCode::SUCCESS)
}

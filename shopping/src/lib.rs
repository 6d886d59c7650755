//! The shop as one command.

// A print panics where its reader has gone, and waits where nobody reads: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod arguments;

mod admin_key;
mod demo;
mod edge;
mod export;
mod import;
mod shop;
mod start;

use std::process::ExitCode;

use anyhow::Context as _;
use platform::console;
use store::{AdminKeys, Catalog};

use crate::arguments::{Arguments, Command};

/// What is wrong when standard output does not take an answer.
pub(crate) const NOT_ANSWERED: &str = "standard output";

/// Runs one command, or the shop.
pub fn run(arguments: Arguments) -> ExitCode {
    match answer(arguments) {
        Ok(code) => code,
        Err(error) => {
            console::last_word(format!("shopping: {}", told(&error)));
            ExitCode::FAILURE
        }
    }
}

fn answer(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(Command::Openapi) = arguments.command {
        let document = origin::openapi().to_pretty_json().context("the document")?;
        console::answer(document).context(NOT_ANSWERED)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime did not start")?;

    let ended = runtime.block_on(dispatch(arguments));
    platform::end(runtime);
    ended
}

/// The chain of causes, without those that say again what is said already.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

async fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let start = start::Start::of(&arguments)?;
    let Some(command) = arguments.command else { return shop::run(start).await };
    if let Command::Edge(arguments) = command {
        return edge::run(&start, &arguments).await;
    }
    if let Command::Export(_) = command {
        start.require_shop()?;
    }
    let platform = start.connect().await?;

    match command {
        Command::Import(arguments) => import::run(&start, &platform, arguments).await,
        Command::Export(arguments) => {
            let catalog = Catalog::over(platform.items.clone(), platform.world.clone());
            export::run(&start, &catalog, arguments).await
        }
        Command::AdminKey { command } => {
            let keys = AdminKeys::new(platform.items.clone(), platform.world.clone());
            admin_key::run(&keys, command).await
        }
        Command::Edge(_) | Command::Openapi => Ok(ExitCode::SUCCESS),
    }
}

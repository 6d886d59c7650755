//! The shop as one command.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod arguments;

mod admin_key;
mod backup;
mod demo;
mod draft_file;
mod edge;
mod export;
mod import;
mod shop;
mod start;

use std::process::ExitCode;

use anyhow::Context as _;
use platform::{ConnectError, Settings, StoreSettings, console};
use ports::{PortError, PortErrorKind};
use store::{AdminKeys, Catalog, Db, StoreError};

use crate::arguments::{Arguments, Command};
use crate::start::Start;

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

    let start = Start::of(&arguments)?;
    let settings = start.settings.clone();
    let ended = runtime.block_on(dispatch(start, arguments));
    platform::end(runtime);

    ended.map_err(|error| explained(error, &settings))
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

/// What an operator can do about a database that turned out to be damaged on the way.
fn explained(error: anyhow::Error, settings: &Settings) -> anyhow::Error {
    let StoreSettings::Sqlite { path } = &settings.store else { return error };
    let causes = error.chain().filter_map(|cause| match cause.downcast_ref::<StoreError>() {
        Some(StoreError::Port(error)) => Some(error),
        _ => cause.downcast_ref::<PortError>(),
    });
    let mut corrupt = causes.filter(|cause| cause.kind == PortErrorKind::Corrupt);

    match corrupt.next().map(|cause| platform::damaged(path, cause)) {
        Some(told) if !error.chain().any(|cause| cause.is::<ConnectError>()) => error.context(told),
        _ => error,
    }
}

async fn dispatch(start: Start, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Some(command) = arguments.command else { return Box::pin(shop::run(start)).await };
    if let Command::Edge(arguments) = command {
        return edge::run(&start, &arguments).await;
    }
    match &command {
        Command::Backup(arguments) => return backup::back_up(&start.settings, &arguments.to),
        Command::Restore(arguments) => {
            return backup::restore(&start.settings, &arguments.from).await;
        }
        _ if command.needs_a_shop() => start.require_shop()?,
        _ => {}
    }
    let platform = start.connect().await?;

    match command {
        Command::Import(arguments) => import::run(&start, &platform, arguments).await,
        Command::Export(arguments) => {
            let catalog = Catalog::over(Db::new(platform.items.clone(), platform.world.clone()));
            export::run(&start, &catalog, arguments).await
        }
        Command::AdminKey { command } => {
            let keys = AdminKeys::new(Db::new(platform.items.clone(), platform.world.clone()));
            admin_key::run(&keys, command).await
        }
        Command::Log { command } => backup::log(&platform, &command).await,
        Command::Edge(_) | Command::Backup(_) | Command::Restore(_) | Command::Openapi => {
            Ok(ExitCode::SUCCESS)
        }
    }
}

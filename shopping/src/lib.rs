//! The shop as one command: the whole shop in one process by default, and the tools beside it.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod arguments;

mod commands;
mod demo;
mod edge_part;
mod start;

use std::process::ExitCode;

use anyhow::Context as _;
use platform::{BackupError, ConnectError, Settings, StoreSettings, console};
use ports::{PortError, PortErrorKind};
use store::StoreError;

use crate::arguments::Arguments;
use crate::commands::{Command, openapi};
use crate::start::Start;

/// Runs one command, or the shop.
pub fn run(arguments: Arguments) -> ExitCode {
    match try_run(arguments) {
        Ok(code) => code,
        Err(error) => {
            console::last_word(format!("shopping: {}", format_error(&error)));
            ExitCode::FAILURE
        }
    }
}

fn try_run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(Command::Openapi) = arguments.command {
        return openapi::run();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime did not start")?;

    let start = Start::of(&arguments)?;
    let settings = start.settings.clone();
    let ended = runtime.block_on(commands::run(start, arguments.command));
    platform::end(runtime);

    ended.map_err(|error| with_advice(error, &settings))
}

/// The chain of causes, without those whose text an earlier one contains.
fn format_error(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Adds what an operator can do about a database that turned out to be damaged during a command.
fn with_advice(error: anyhow::Error, settings: &Settings) -> anyhow::Error {
    let StoreSettings::Sqlite { path } = &settings.store else { return error };
    // What is damaged may be a backup, and says so itself.
    let is_backup = |cause: &BackupError| match cause {
        BackupError::Unusable { path: unusable, .. } => unusable != path,
        _ => false,
    };
    if error.downcast_ref().is_some_and(is_backup) {
        return error;
    }
    let causes = error.chain().filter_map(|cause| match cause.downcast_ref::<StoreError>() {
        Some(StoreError::Port(error)) => Some(error),
        _ => cause.downcast_ref::<PortError>(),
    });
    let mut corrupt = causes.filter(|cause| cause.kind == PortErrorKind::Corrupt);

    match corrupt.next().map(|cause| platform::damaged(path, cause)) {
        Some(advice) if !error.chain().any(|cause| cause.is::<ConnectError>()) => {
            error.context(advice)
        }
        _ => error,
    }
}

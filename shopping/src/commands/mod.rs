//! The commands: a file each, with its arguments and what it does.

mod admin_key;
mod backup;
mod draft_file;
mod edge;
mod export;
mod import;
mod log;
pub(crate) mod openapi;
mod restore;
mod serve;

use std::process::ExitCode;

use clap::Subcommand;

pub use admin_key::AdminKeyCommand;
pub use backup::BackupArguments;
pub use edge::EdgeArguments;
pub use export::ExportArguments;
pub use import::ImportArguments;
pub use log::LogCommand;
pub use restore::RestoreArguments;
pub use serve::ServeArguments;

use crate::start::Start;

/// What is wrong when a command's result can't be printed.
const NOT_PRINTED: &str = "standard output";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Imports a catalogue file; the shop may be running.
    Import(ImportArguments),
    /// Writes the catalogue to a file.
    Export(ExportArguments),
    /// Creates, lists and revokes admin keys.
    AdminKey {
        #[command(subcommand)]
        command: AdminKeyCommand,
    },
    /// Saves the shop's data; the shop may be running.
    Backup(BackupArguments),
    /// Replaces the shop's data by a backup, while no shop runs on it.
    Restore(RestoreArguments),
    /// Maintains the change log.
    Log {
        #[command(subcommand)]
        command: LogCommand,
    },
    /// Runs only an edge, in front of an origin elsewhere.
    Edge(EdgeArguments),
    /// Prints the OpenAPI document.
    Openapi,
}

/// Runs one command; without one, the whole shop.
pub(crate) async fn run(start: Start, command: Option<Command>) -> anyhow::Result<ExitCode> {
    let Some(command) = command else { return Box::pin(serve::run(start)).await };

    match command {
        Command::Import(arguments) => import::run(&start, arguments).await,
        Command::Export(arguments) => export::run(&start, arguments).await,
        Command::AdminKey { command } => admin_key::run(&start, command).await,
        Command::Backup(arguments) => backup::run(&start.settings, &arguments),
        Command::Restore(arguments) => restore::run(&start.settings, &arguments).await,
        Command::Log { command } => log::run(&start, &command).await,
        Command::Edge(arguments) => edge::run(&start, &arguments).await,
        Command::Openapi => openapi::run(),
    }
}

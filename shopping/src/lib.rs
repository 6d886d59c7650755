//! The shop as one command.

pub mod arguments;

mod admin_key;
mod demo;
mod draft_file;
mod edge;
mod export;
mod import;
mod shop;
mod start;

use std::process::ExitCode;

use anyhow::Context as _;
use store::{AdminKeys, Catalog};

use crate::arguments::{Arguments, Command};

/// Runs one command, or the shop.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(Command::Openapi) = arguments.command {
        println!("{}", origin::openapi().to_pretty_json().context("the document")?);
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime did not start")?;

    runtime.block_on(dispatch(arguments))
}

async fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let start = start::Start::of(&arguments)?;
    let Some(command) = arguments.command else { return shop::run(start).await };
    if let Command::Edge(arguments) = command {
        return edge::run(&start, &arguments).await;
    }
    if command.needs_a_shop() {
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

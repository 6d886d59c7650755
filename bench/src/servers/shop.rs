//! The shop's own command, run by this program so that nothing else has to be built beside it.

use std::process::Command;

use anyhow::{Result, ensure};
use clap::Parser as _;
use shopping::arguments::Arguments;

use crate::child;

/// The command for `shopping ARGUMENTS`, in a process of its own.
pub fn command(arguments: &[&str]) -> Result<Command> {
    let mut command = child::this_program()?;
    command.args(["shop", "--"]).args(arguments);
    Ok(command)
}

/// The task behind [`command`].
pub fn run(arguments: &[String]) -> Result<()> {
    let arguments = ["shopping"].into_iter().chain(arguments.iter().map(String::as_str));
    let ended = shopping::run(Arguments::try_parse_from(arguments)?);

    ensure!(ended == std::process::ExitCode::SUCCESS, "the shop ended with {ended:?}");
    Ok(())
}

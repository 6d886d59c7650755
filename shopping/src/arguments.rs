//! The command line. Each command declares its own arguments, in [`crate::commands`].

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::commands::{Command, ServeArguments};

/// An edge-first shop. Without a command it runs the whole shop in this process.
#[derive(Debug, Parser)]
#[command(name = "shopping", version)]
pub struct Arguments {
    #[command(flatten)]
    pub place: Place,

    #[command(flatten)]
    pub serve: ServeArguments,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The shop that a command works on.
#[derive(Clone, Debug, Default, Args)]
pub struct Place {
    /// The folder with the shop's data.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,

    /// A settings file, which overrides the defaults (settings/default.toml).
    #[arg(long, global = true, value_name = "FILE", env = "SHOP_CONFIG")]
    pub config: Option<PathBuf>,
}

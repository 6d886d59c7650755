//! What can be said on the command line.

use std::path::PathBuf;

use catalog_files::DecimalSign;
use clap::{Args, Parser, Subcommand};
use domain::access::Role;
use domain::ids::AdminKeyId;

/// An edge-first shop. Without a command it runs the whole shop in this process.
#[derive(Debug, Parser)]
#[command(name = "shopping", version)]
pub struct Arguments {
    #[command(flatten)]
    pub place: Place,

    #[command(flatten)]
    pub shop: ShopArguments,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Which shop is meant.
#[derive(Clone, Debug, Default, Args)]
pub struct Place {
    /// Where this shop keeps its data.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,

    /// A file of settings, on top of the defaults (settings/default.toml).
    #[arg(long, global = true, value_name = "FILE", env = "SHOP_CONFIG")]
    pub config: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Args)]
pub struct ShopArguments {
    /// The port of the edge; 0 takes a free one.
    #[arg(long, value_name = "PORT")]
    pub edge_port: Option<u16>,

    /// The port of the origin; 0 takes a free one.
    #[arg(long, value_name = "PORT")]
    pub origin_port: Option<u16>,

    /// Leaves an empty shop empty.
    #[arg(long)]
    pub no_demo: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Puts a catalogue file in, beside a running shop or not.
    Import(ImportArguments),
    /// Writes the catalogue to a file.
    Export(ExportArguments),
    /// Makes, lists and revokes the keys of admins.
    AdminKey {
        #[command(subcommand)]
        command: AdminKeyCommand,
    },
    /// Saves the shop's data, beside a running shop or not.
    Backup(BackupArguments),
    /// Puts a backup in the place of the shop's data, while no shop runs on it.
    Restore(RestoreArguments),
    /// What operators do to the change log.
    Log {
        #[command(subcommand)]
        command: LogCommand,
    },
    /// Runs an edge alone, in front of an origin elsewhere.
    Edge(EdgeArguments),
    /// Prints the OpenAPI document.
    Openapi,
}

impl Command {
    /// Whether it makes sense on a shop alone: opening one would make it.
    pub const fn needs_a_shop(&self) -> bool {
        match self {
            Self::Export(_) | Self::Log { .. } => true,
            Self::AdminKey { command } => !matches!(command, AdminKeyCommand::Create { .. }),
            Self::Import(_) | Self::Edge(_) | Self::Openapi => false,
            // They look for the files themselves.
            Self::Backup(_) | Self::Restore(_) => false,
        }
    }
}

#[derive(Clone, Debug, Args)]
pub struct EdgeArguments {
    /// The origin that it asks (edge.origin_url), such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL")]
    pub origin: Option<String>,

    /// The address at which it serves (edge.listen); port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,

    /// Caches any origin by the book, whole URLs as keys, instead of the catalogue: for public test
    /// suites.
    #[arg(long)]
    pub conformance: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ImportArguments {
    /// CSV (with a header) or JSON lines.
    pub file: PathBuf,

    /// Takes one of our columns from one of the file's: sku=id. Same names map by themselves.
    #[arg(long = "map", value_name = "OURS=THEIRS")]
    pub maps: Vec<String>,

    /// The currency of the file's prices; the shop's own by default.
    #[arg(long)]
    pub currency: Option<String>,

    /// The sign before the decimals in the file's numbers: . as in 1,234.50, or , as in 1.234,50.
    /// Without it a number that can be read in both ways is refused.
    #[arg(long, value_name = "SIGN")]
    pub decimal: Option<DecimalSign>,

    /// Says what would happen, and changes nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// Where refused rows are listed, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub errors: Option<PathBuf>,

    /// Where values are listed that were left out or read otherwise, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub warnings: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct ExportArguments {
    /// Ends in .csv or .jsonl; standard output (JSON lines) without it.
    pub file: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct BackupArguments {
    /// A new folder, which gets the database and the generated secrets; or a new file that ends in
    /// .db, for the database alone.
    #[arg(value_name = "FOLDER|FILE.db")]
    pub to: PathBuf,
}

#[derive(Clone, Debug, Args)]
pub struct RestoreArguments {
    /// What `shopping backup` has made, or a copy of a shop's data folder.
    #[arg(value_name = "FOLDER|FILE")]
    pub from: PathBuf,
}

#[derive(Clone, Debug, Subcommand)]
pub enum LogCommand {
    /// Gives it another name, so that every cache drops what it has: after a store was put back by
    /// other means than `shopping restore`.
    Renew,
}

#[derive(Clone, Debug, Subcommand)]
pub enum AdminKeyCommand {
    /// Makes a key and prints it, alone, once.
    Create {
        /// How the audit list calls its holder.
        #[arg(long)]
        name: String,
        #[arg(long, value_name = "owner|catalog|orders|ops")]
        role: Role,
    },
    /// Lists all keys, without their secrets.
    List,
    /// Makes a key useless at once.
    Revoke { id: AdminKeyId },
}

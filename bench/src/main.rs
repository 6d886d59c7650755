//! Benchmarks against named peers: `cargo run --release -p bench`.
//!
//! Each row runs what we made and the best-known alternative in the same minutes on the same core, a
//! round of one and a round of the other in turn. The result is the ratio of the two: absolute
//! figures are this machine's, and other work on it moves both sides alike.

mod answer;
mod catalogue;
mod child;
mod cores;
mod corpus;
mod crowd;
mod figures;
mod load;
mod machine;
mod peers;
mod process;
mod report;
mod rows;
mod servers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

use crate::report::Report;
use crate::rows::{Plan, Row};
use crate::servers::{axum_peer, edge_server, origin_server, shop};

/// Measures the shop against named peers, one core each.
#[derive(Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true)]
struct Arguments {
    /// The rows to measure; all of them when none is named.
    #[arg(value_enum)]
    rows: Vec<Row>,
    /// Fewer and shorter rounds, smaller catalogues: a look, not a result.
    #[arg(long)]
    quick: bool,
    /// Writes the table to bench/RESULTS.md as well.
    #[arg(long)]
    write: bool,
    #[command(subcommand)]
    task: Option<Task>,
}

/// What this program starts itself for, in processes of their own.
#[derive(Subcommand)]
#[command(hide = true)]
enum Task {
    ServeAxum {
        /// Recorded answers.
        #[arg(long)]
        answers: PathBuf,
    },
    ServeOrigin {
        #[arg(long)]
        store: PathBuf,
    },
    ServeEdge {
        #[arg(long)]
        origin: String,
        /// For answers.
        #[arg(long, default_value_t = 64)]
        capacity_mb: u64,
    },
    /// The shop's own command, its settings in the environment.
    Shop {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    ImportFile {
        #[arg(long)]
        store: PathBuf,
        #[arg(long)]
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.task {
        Some(task) => run(task),
        None => measure(&arguments),
    };

    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::ServeAxum { answers } => axum_peer::serve(&answers),
        Task::ServeOrigin { store } => origin_server::serve(&store),
        Task::ServeEdge { origin, capacity_mb } => edge_server::serve(&origin, capacity_mb << 20),
        Task::Shop { arguments } => shop::run(&arguments),
        Task::ImportFile { store, file } => catalogue::import(&store, &file),
    }
}

fn measure(arguments: &Arguments) -> Result<()> {
    if cfg!(debug_assertions) {
        bail!("an unoptimised build measures nothing: cargo run --release -p bench");
    }
    let plan = Plan::new(arguments.quick)?;
    let mut report = Report::new(&plan);
    let rows = if arguments.rows.is_empty() { &Row::ALL[..] } else { &arguments.rows };

    for row in rows {
        eprintln!("bench: {} …", row.name());
        row.measure(&plan, &mut report)?;
    }
    print!("{report}");
    if arguments.write {
        report.write_to(&Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_named_alone() {
        for row in Row::ALL {
            let arguments = Arguments::try_parse_from(["bench", row.name()]).unwrap();

            assert_eq!(arguments.rows, [row]);
            assert!(arguments.task.is_none());
        }
    }
}

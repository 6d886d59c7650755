//! The developer's commands: `cargo xtask test`, `lint`, `words`, `floors`, `edge`, `cache-tests`,
//! `simulate`, `soak`, `bench`, `openapi`, `tools`.

mod bench;
mod cache_tests;
mod contract;
mod edge;
mod floors;
mod groups;
mod metadata;
#[cfg(test)]
mod metric_table;
mod report;
mod stages;
mod tally;
mod toolbox;
mod words;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The developer's commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Subcommand)]
enum Command {
    /// Run every test, installing what the tests need.
    Test {
        /// Only what needs nothing installed.
        #[arg(long)]
        fast: bool,
    },
    /// Formatting, clippy, and cargo-deny where it is installed.
    Lint,
    /// Find names and phrases for which this project has a standard term.
    Words,
    /// Check that dependencies go down the floors only, and that the lowest ones are wasm.
    Floors,
    /// The Cloudflare Worker.
    Edge {
        #[command(subcommand)]
        command: Edge,
    },
    /// Run the public suite for HTTP caches against the edge by the book.
    CacheTests {
        /// Against the Worker in workerd, not the native edge.
        #[arg(long)]
        worker: bool,
    },
    /// Run a thousand seeds of the simulation, or as many as `SIMULATION_SEEDS` says.
    Simulate,
    /// Ten minutes of mixed load, each minute with one fault of each kind.
    Soak,
    /// Build what the benchmarks compare, and run them; nginx and Varnish must be installed.
    #[command(disable_help_flag = true)]
    Bench {
        /// For the program `bench`: `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Write docs/openapi.json from the running code.
    Openapi {
        /// Compare only, and fail where the two differ.
        #[arg(long)]
        check: bool,
    },
    /// Install the tools that the tests use, and print where they are.
    Tools,
}

#[derive(Clone, Subcommand)]
enum Edge {
    /// Build it into edge/build, and say how large it is and how fast it starts.
    Build,
    /// Build it and run it in workerd, before a shop that runs already.
    Dev {
        /// The shop's origin.
        #[arg(long, default_value = "http://127.0.0.1:8080")]
        origin: String,
        /// The shop's data, for its secrets.
        #[arg(long, default_value = "data")]
        data_dir: PathBuf,
        #[arg(long, default_value_t = 8788)]
        port: u16,
    },
    /// Build it and hold it against what every edge promises.
    Test,
}

fn main() -> ExitCode {
    match groups::end_on_signals().and_then(|()| run(Arguments::parse().command)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `false` when something was found wrong and has been printed.
fn run(command: Command) -> Result<bool> {
    match command {
        Command::Test { fast } => stages::test(fast),
        Command::Lint => stages::lint(),
        Command::Words => stages::words(),
        Command::Floors => stages::floors(),
        Command::Edge { command } => match command {
            Edge::Build => edge::build().map(|()| true),
            Edge::Dev { origin, data_dir, port } => {
                edge::dev(&origin, &data_dir, port).map(|()| true)
            }
            Edge::Test => stages::worker(),
        },
        Command::CacheTests { worker } => stages::cache_tests(worker),
        Command::Simulate => stages::simulate(),
        Command::Soak => stages::soak(),
        Command::Bench { arguments } => bench::run(&arguments).map(|()| true),
        Command::Openapi { check: true } => contract::check().map(|()| true),
        Command::Openapi { check: false } => contract::write().map(|()| true),
        Command::Tools => toolbox::install_all().map(|()| true),
    }
}

//! The process: the library does the work.

use std::process::ExitCode;

use cache_invalidator::{Arguments, run};
use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();

    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => Err(error.into()),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("cache-invalidator: {error:#}");
        ExitCode::FAILURE
    })
}

//! The program: parses the command line; the library does the work.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

use std::process::ExitCode;

use cache_invalidator::{Arguments, run};
use clap::Parser as _;
use platform::console;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();

    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(run(arguments));
            platform::end(runtime);
            ended
        }
        Err(error) => Err(error.into()),
    };
    ended.unwrap_or_else(|error| {
        console::last_word(format!("cache-invalidator: {error:#}"));
        ExitCode::FAILURE
    })
}

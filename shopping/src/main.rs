//! The command: the whole shop in one process by default, and the tools beside it.

use std::process::ExitCode;

use clap::Parser as _;
use shopping::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();

    match shopping::run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("shopping: {error:#}");
            ExitCode::FAILURE
        }
    }
}

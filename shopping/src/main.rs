//! The program: parses the command line; the library does the work.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

use std::process::ExitCode;

use clap::Parser as _;
use shopping::arguments::Arguments;

fn main() -> ExitCode {
    shopping::run(Arguments::parse())
}

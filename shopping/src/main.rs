//! The program: parses the command line; the library does the work.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

use std::process::ExitCode;

use clap::Parser as _;
use shopping::arguments::Arguments;

fn main() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => shopping::run(arguments),
        // Help, or what is wrong. Code 2, which clap ends with, would say that a command refused
        // some rows and did the rest.
        Err(message) => {
            let _ = message.print();
            ExitCode::from(u8::from(message.use_stderr()))
        }
    }
}

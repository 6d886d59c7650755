//! The command: the whole shop in one process by default, and the tools beside it.

use std::process::ExitCode;

use clap::Parser as _;
use shopping::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();

    match shopping::run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("shopping: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// The chain of causes, without those that say again what is said already.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

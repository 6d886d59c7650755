//! Where the workspace is, and cargo as it is run from here.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::groups;
use crate::tally::Tally;

/// The longest that any one cargo command may take; a cold build on two cores needs a third of it.
const LIMIT: Duration = Duration::from_secs(45 * 60);

pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));

    here.parent().expect("this crate is a folder of the workspace").to_owned()
}

/// Cargo with the given arguments, in the workspace.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = program("cargo");
    command.args(arguments);
    command
}

/// A program, in the workspace.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    // What `cargo run` told this process about its own package would make build scripts that look
    // at these variables run again, and with them half the dependencies.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command whose exit status is its verdict.
pub fn must(what: &str, command: &mut Command) -> Result<()> {
    let status = groups::run(command, LIMIT, |line| println!("{line}"))?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// The standard output of a command that must succeed.
pub fn output_of(what: &str, command: &mut Command) -> Result<String> {
    let mut output = String::new();
    let status = groups::run(command, LIMIT, |line| {
        output.push_str(line);
        output.push('\n');
    })?;

    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(output)
}

/// Runs `cargo test` with the given arguments and counts what it says.
pub fn count_tests(arguments: &[&str], environment: &[(&str, &Path)]) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut command = cargo(&["test", "--no-fail-fast"]);
    command.args(arguments).envs(environment.iter().copied());
    // A failed test says what went wrong; where an error value was made is forty lines of noise.
    command.env("RUST_LIB_BACKTRACE", "0");

    let status = groups::run(&mut command, LIMIT, |line| {
        println!("{line}");
        if let Some(counted) = Tally::of_line(line) {
            tally += counted;
        }
    })?;

    if !status.success() && tally.failed == 0 {
        // It did not compile, or a test process died: no line has counted that.
        tally.failed = 1;
    }
    Ok(tally)
}

//! `docs/openapi.json`: the API's contract as the code has it, kept in the repository so that a
//! change of it shows in review.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::{env, fs, io};

use anyhow::{Context as _, Result, bail};

use crate::groups;
use crate::workspace::{cargo, program, root};

/// Compiling the command included.
const LIMIT: Duration = Duration::from_secs(30 * 60);

pub fn write() -> Result<()> {
    let path = path();
    let document = printed_by(&mut from_source())?;

    let folder = path.parent().expect("the path has a folder");
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    fs::write(&path, document).with_context(|| format!("can't write {}", path.display()))
}

/// # Errors
/// When the file is not what the code says, naming the first line that differs.
pub fn check() -> Result<()> {
    compare(&mut from_source())
}

/// The same with the command as it was built last, beside this program.
pub fn check_built() -> Result<()> {
    let built = env::current_exe()?.with_file_name("shopping");

    compare(program(built).arg("openapi"))
}

fn from_source() -> Command {
    cargo(&["run", "--quiet", "-p", "shopping", "--", "openapi"])
}

fn compare(command: &mut Command) -> Result<()> {
    let path = path();
    let kept = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => bail!("can't read {}: {error}", path.display()),
    };

    match first_difference(&kept, &printed_by(command)?) {
        None => Ok(()),
        Some((line, kept, now)) => bail!(
            "docs/openapi.json is not what the code says; `cargo xtask openapi` writes it anew\n\
             line {line} of the file: {kept}\n\
             line {line} of the code: {now}"
        ),
    }
}

pub fn path() -> PathBuf {
    root().join("docs/openapi.json")
}

/// The document as `shopping openapi` prints it, ending in a newline.
fn printed_by(command: &mut Command) -> Result<String> {
    let mut document = String::new();
    let status = groups::run(command, LIMIT, |line| {
        document.push_str(line);
        document.push('\n');
    })?;
    if !status.success() {
        bail!("`shopping openapi` failed ({status})");
    }
    serde_json::from_str::<serde::de::IgnoredAny>(&document)
        .context("`shopping openapi` did not print JSON")?;

    Ok(document)
}

/// The line's number, and the line on either side.
fn first_difference<'a>(kept: &'a str, now: &'a str) -> Option<(usize, &'a str, &'a str)> {
    const END: &str = "(the end)";

    let (mut kept, mut now) = (kept.lines(), now.lines());
    (1..).find_map(|number| match (kept.next(), now.next()) {
        (None, None) => Some(None),
        (left, right) if left == right => None,
        (left, right) => Some(Some((number, left.unwrap_or(END), right.unwrap_or(END)))),
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some((2, "b", "c")));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some((2, "(the end)", "b")));
        assert_eq!(first_difference("", "a\n"), Some((1, "(the end)", "a")));
    }
}

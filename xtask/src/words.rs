//! `cargo xtask words`: finds names and phrases that this project replaces with standard terms, so
//! that code, logs, errors and documents stay readable to an engineer who has never seen them.

mod denied;
mod matching;
mod source;

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::tally::Tally;
use crate::workspace::{output_of, program, root};

/// Files that keep other people's words, or words that must stay as they were.
const EXCLUDED: [(&str, &str); 4] = [
    ("CHANGELOG.md", "history"),
    ("xtask/src/words/", "the list of denied words, and its tests"),
    ("xtask/tools/", "locks of other people's packages"),
    ("docs/cache-tests.md", "quotes the names of a public test suite"),
];

/// One denied word in a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub line: usize,
    pub word: &'static str,
    pub instead: &'static str,
}

/// Checks every tracked file; prints each finding and the counts by word and by folder.
pub fn check() -> Result<Tally> {
    let mut by_word: BTreeMap<&str, usize> = BTreeMap::new();
    let mut by_folder: BTreeMap<String, usize> = BTreeMap::new();

    for path in tracked_files()? {
        let text =
            fs::read_to_string(root().join(&path)).with_context(|| format!("read {path}"))?;
        for Finding { line, word, instead } in matching::findings(&path, &text) {
            println!("{path}:{line}: `{word}`: use {instead}");
            *by_word.entry(word).or_default() += 1;
            *by_folder.entry(folder_of(&path)).or_default() += 1;
        }
    }

    let count: usize = by_word.values().sum();
    if count == 0 {
        return Ok(Tally::default());
    }
    print_counts("by word", by_word.into_iter().map(|(word, count)| (word.to_owned(), count)));
    print_counts("by folder", by_folder.into_iter());
    bail!("{count} denied words; xtask/src/words/denied.rs has the list")
}

fn tracked_files() -> Result<Vec<String>> {
    let mut list = program("git");
    list.args(["ls-files", "--", "*.rs", "*.toml", "*.md", "*.json"]);
    let listed = output_of("git ls-files", &mut list)?;

    let is_checked = |path: &&str| !EXCLUDED.iter().any(|(excluded, _)| path.starts_with(excluded));
    // A file that was deleted but not yet committed is still listed.
    let exists = |path: &&str| root().join(path).is_file();
    Ok(listed.lines().filter(is_checked).filter(exists).map(str::to_owned).collect())
}

/// `crates/<name>` or the first folder.
fn folder_of(path: &str) -> String {
    let depth = if path.starts_with("crates/") { 2 } else { 1 };

    path.split('/').take(depth).collect::<Vec<_>>().join("/")
}

fn print_counts(title: &str, counts: impl Iterator<Item = (String, usize)>) {
    let mut counts: Vec<(String, usize)> = counts.collect();
    counts.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));

    println!("\n{title}:");
    for (name, count) in counts {
        println!("{count:>6}  {name}");
    }
}

//! Whether docs/operations.md lists every metric that the sources count, and no other: operators do
//! not look at a metric that is not documented.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use crate::workspace::root;

/// What runs at a shop. Tools and tests count nothing.
const COUNTING: [&str; 5] = ["crates", "cache-invalidator", "edge", "origin", "shopping"];
const MACROS: [&str; 3] = ["counter!(", "gauge!(", "histogram!("];
const HEADING: &str = "## Metrics";

/// The metrics of all files under `folder`, tests left out.
fn counted_under(folder: &Path, found: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();

        if path.is_dir() && !["target", "tests", "node_modules"].contains(&name) {
            counted_under(&path, found)?;
        } else if name.ends_with(".rs") && !name.ends_with("_tests.rs") {
            found.extend(counted_in(&fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

/// The names in one file: said where something is counted, or by a constant of the same file. One
/// that comes from elsewhere stands as it is written, and so is in no table.
fn counted_in(source: &str) -> BTreeSet<String> {
    let (source, _) = source.split_once("#[cfg(test)]").unwrap_or((source, ""));
    let calls = MACROS.iter().flat_map(|name| source.split(name).skip(1));

    calls
        .filter_map(|call| call.split([',', ')']).next())
        .map(|argument| match literal(argument) {
            Some(name) => name,
            None => constant(source, argument.trim()).unwrap_or(argument.trim()),
        })
        .map(str::to_owned)
        .collect()
}

fn constant<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = source.split_once(&format!("const {name}: &str ="))?;

    literal(value.split(';').next()?)
}

fn literal(text: &str) -> Option<&str> {
    text.trim().strip_prefix('"')?.strip_suffix('"')
}

/// The first column, without labels, in the order of its rows.
fn listed(document: &str) -> Vec<&str> {
    let (_, section) = document.split_once(HEADING).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();

    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|row| row.split(['{', '`']).next())
        .collect()
}

#[test]
fn the_operators_table_lists_every_metric_once_and_no_other() {
    let document = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let mut counted = BTreeSet::new();
    for folder in COUNTING {
        counted_under(&root().join(folder), &mut counted).unwrap();
    }

    let rows = listed(&document);

    let table: BTreeSet<_> = rows.iter().map(|row| (*row).to_owned()).collect();
    let missing: Vec<_> = counted.difference(&table).collect();
    let gone: Vec<_> = table.difference(&counted).collect();
    assert!(missing.is_empty(), "{HEADING} of docs/operations.md lacks {missing:?}");
    assert!(gone.is_empty(), "{HEADING} of docs/operations.md has {gone:?}, which nothing counts");
    assert_eq!(rows.len(), table.len(), "a metric has two rows: {rows:?}");
}

#[test]
fn a_metric_is_found_by_its_name_or_by_its_constant_but_not_in_tests() {
    let source = r#"
        const PUSHES: &str = "pushes_total";
        describe_histogram!(
            "heard_seconds",
            "A text, with a comma"
        );
        metrics::counter!(PUSHES, "result" => "known").increment(1);
        gauge!(elsewhere::SIZE).set(1.0);
        #[cfg(test)]
        mod tests { fn f() { counter!("planted_total"); } }
    "#;

    let found = counted_in(source);

    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        ["elsewhere::SIZE", "heard_seconds", "pushes_total"]
    );
}

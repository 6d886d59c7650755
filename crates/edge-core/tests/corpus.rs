//! The corpus that the fuzzers (`fuzz/`) started from and found: each of it through the same entry.

#[path = "../../../fuzz/src/entry.rs"]
mod entry;

use std::path::Path;

fn replay(corpus: &str, entry: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(corpus);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut replayed = 0;

    for file in files {
        let bytes = std::fs::read(file.expect("a file").path()).expect("bytes");
        entry(&bytes);
        // And what a careless cut or a doubled byte makes of it.
        for at in 0..bytes.len() {
            entry(&bytes[..at]);
            entry(&[&bytes[..=at], &bytes[at..]].concat());
        }
        replayed += 1;
    }
    assert!(replayed >= 14, "{replayed} in {folder:?}");
}

#[test]
fn the_corpus_of_routes_breaks_nothing() {
    replay("route", entry::route);
}

#[test]
fn the_corpus_of_fields_breaks_nothing() {
    replay("fields", entry::fields);
}

//! Keys and variables that are not settings, with a guess at what was meant. Never quotes a value: a
//! misspelt secret is still a secret.

use std::collections::BTreeSet;

use super::mistakes::{Mistake, environment_name};
use super::sources::Values;

/// A misspelt name is at most this far from the one that was meant.
const NEAR: usize = 2;

/// A mistake for each key that no section has read.
pub(super) fn keys<'a>(
    values: &'a Values,
    known: &'a BTreeSet<&'static str>,
) -> impl Iterator<Item = Mistake> + 'a {
    let unknown = values.iter().filter(|(key, _)| !known.contains(key.as_str()));

    unknown.map(|(key, given)| {
        let guess = guess(key, known.iter().map(|known| (*known).to_owned()), str::to_owned);
        Mistake::new(key, format!("unknown setting, set by {}{guess}", given.layer))
    })
}

/// A mistake for each variable whose name is almost a setting's.
pub(super) fn variables<'a>(
    strays: &'a [String],
    known: &'a BTreeSet<&'static str>,
) -> impl Iterator<Item = Mistake> + 'a {
    // Too few underscores, or too many, are the usual mistake.
    let letters = |name: &str| name.replace('_', "").to_uppercase();

    strays.iter().map(move |stray| {
        let guess = guess(stray, known.iter().map(|key| environment_name(key)), letters);
        let what = format!("not a setting: those begin with SHOP__, with two underscores{guess}");
        Mistake::new(stray, what)
    })
}

/// The known name that is nearest by what `compared` leaves of it, if it is near enough.
fn guess(
    name: &str,
    known: impl Iterator<Item = String>,
    compared: impl Fn(&str) -> String,
) -> String {
    let name = compared(name);
    let with_distance = known.map(|known| (distance(&compared(&known), &name), known));

    match with_distance.min() {
        Some((at, known)) if at <= NEAR => format!("; did you mean {known}?"),
        _ => String::new(),
    }
}

/// Letters to insert, delete or replace (Levenshtein distance).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();

    for (at, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for column in 0..right.len() {
            let replaced = diagonal + usize::from(right[column] != letter);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

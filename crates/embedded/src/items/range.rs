//! The range of sort keys that a query asks for, as an inclusive start and an exclusive end.

use ports::{Direction, SortRange};
use rusqlite::types::{ToSqlOutput, ValueRef};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub from: String,
    to: Option<String>,
}

impl Bounds {
    pub(crate) fn of(range: &SortRange) -> Self {
        let (from, to) = match range {
            SortRange::All => ("", None),
            SortRange::Prefix(prefix) => (prefix.as_str(), end_of_prefix(prefix)),
            SortRange::Between(from, to) => (from.as_str(), Some(next_after(to))),
            SortRange::From(from) => (from.as_str(), None),
            SortRange::After(after) => return Self { from: next_after(after), to: None },
            SortRange::Before(before) => ("", Some(before.clone())),
        };

        Self { from: from.to_owned(), to }
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        key >= self.from.as_str() && self.to.as_deref().is_none_or(|to| key < to)
    }

    /// The rest of the range after the last key of a page.
    #[must_use]
    pub(crate) fn after(self, last: &str, direction: Direction) -> Self {
        match direction {
            Direction::Ascending => Self { from: next_after(last), ..self },
            Direction::Descending => Self { to: Some(last.to_owned()), ..self },
        }
    }

    /// The end as a parameter. An open end is an empty blob, which SQLite sorts after every text.
    pub(crate) fn end(&self) -> ToSqlOutput<'_> {
        end(self.to.as_deref())
    }
}

/// An exclusive end as a parameter; see [`Bounds::end`].
pub(crate) fn end(to: Option<&str>) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(to.map_or(ValueRef::Blob(&[]), |to| ValueRef::Text(to.as_bytes())))
}

/// The smallest text that is greater than everything with this prefix, by bytes; `None` if there is
/// no such text. UTF-8 sorts by code points.
pub(crate) fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();

    while let Some(last) = end.pop() {
        let next = match last {
            // The surrogates between these two are not characters.
            '\u{d7ff}' => Some('\u{e000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// The smallest text that is greater than this one.
fn next_after(key: &str) -> String {
    format!("{key}\0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_its_last_character_plus_one() {
        assert_eq!(end_of_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(end_of_prefix("a\u{7f}").as_deref(), Some("a\u{80}"));
        assert_eq!(end_of_prefix("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(end_of_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(end_of_prefix("\u{10ffff}\u{10ffff}"), None);
        assert_eq!(end_of_prefix(""), None);
    }

    #[test]
    fn bounds_contain_the_keys_of_their_range() {
        let between = Bounds::of(&SortRange::Between("b".into(), "d".into()));
        let after = Bounds::of(&SortRange::After("b".into()));

        assert!(["b", "c", "d"].iter().all(|key| between.contains(key)));
        assert!(["a", "d\0", "da", "e"].iter().all(|key| !between.contains(key)));
        assert!(!after.contains("b") && after.contains("b\0") && after.contains("ba"));
    }

    #[test]
    fn the_rest_of_a_range_excludes_the_last_row() {
        let up = Bounds::of(&SortRange::All).after("c", Direction::Ascending);
        let down = Bounds::of(&SortRange::All).after("c", Direction::Descending);

        assert!(!up.contains("c") && up.contains("d"));
        assert!(!down.contains("c") && down.contains("b"));
    }
}

//! Up to which position of the change log a stored response is known to be valid, so that most uses
//! need no new judgement.

use domain::coherence::Verdict;
use domain::{Seq, TagTable};

use crate::{EntryMeta, decision};

/// One more than the log's position at which a response was last found valid: a response that is
/// valid at a position counts as stamped with it. Zero: it was stored while nothing was known of
/// the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValidUpTo(u64);

impl ValidUpTo {
    pub const NEVER: Self = Self(0);

    pub fn at(position: Option<Seq>) -> Self {
        Self(position.map_or(0, |seq| seq.0 + 1))
    }

    /// As a number that grows with the position, for a shell whose threads share it.
    pub const fn to_count(self) -> u64 {
        self.0
    }

    pub const fn of_count(count: u64) -> Self {
        Self(count)
    }

    /// What the rule says of the entry now, and how far it is known after that. One compare, when
    /// it was judged at the table's position before.
    pub fn verdict(self, entry: &EntryMeta, table: Option<&TagTable>) -> (Verdict, Self) {
        let verdict = decision::verdict(entry, self.0.checked_sub(1).map(Seq), table);

        match table {
            Some(table) if verdict.is_valid() => (verdict, Self::at(Some(table.position()))),
            _ => (verdict, self),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{ChangeRow, LogId, Resource, Stamp, TagHash, Timestamp};

    use super::*;

    fn log() -> LogId {
        LogId::new("L").unwrap()
    }

    fn entry(seq: u64) -> EntryMeta {
        EntryMeta {
            resource: Resource::Product,
            stamp: Stamp { log: log(), seq: Seq(seq) },
            tags: Box::new([TagHash::of("a")]),
            stored_at: Timestamp::default(),
            initial_age: Duration::ZERO,
            ttl: Duration::from_secs(60),
        }
    }

    fn table(rows: &[&str]) -> TagTable {
        let mut table = TagTable::starting_at(log(), Seq(10));
        for (tag, seq) in rows.iter().zip(11..) {
            let json = format!(
                r#"{{"seq":{seq},"at":"2026-11-23T14:02:32.123Z","tags":["{tag}"],"changes":[]}}"#
            );
            table.apply(&serde_json::from_str::<ChangeRow>(&json).unwrap()).unwrap();
        }
        table
    }

    #[test]
    fn what_is_valid_at_a_position_is_not_judged_twice_there() {
        let (verdict, valid_up_to) = ValidUpTo::NEVER.verdict(&entry(10), Some(&table(&["b"])));

        assert_eq!((verdict, valid_up_to), (Verdict::Valid, ValidUpTo::at(Some(Seq(11)))));
        assert_eq!(valid_up_to.verdict(&entry(10), Some(&table(&["a"]))).0, Verdict::Valid);
    }

    #[test]
    fn a_later_row_makes_it_invalid_and_what_is_known_stays() {
        let valid_up_to = ValidUpTo::at(Some(Seq(11)));

        let (verdict, after) = valid_up_to.verdict(&entry(10), Some(&table(&["b", "a"])));

        assert_eq!((verdict, after), (Verdict::Invalid, valid_up_to));
    }

    #[test]
    fn a_stamp_beyond_the_log_counts_as_far_as_the_log_went() {
        let valid_up_to = ValidUpTo::at(Some(Seq(10)));

        assert_eq!(valid_up_to.verdict(&entry(99), Some(&table(&["a"]))).0, Verdict::Invalid);
    }

    #[test]
    fn between_two_logs_only_what_never_was_judged_is_valid() {
        assert_eq!(ValidUpTo::NEVER.verdict(&entry(10), None).0, Verdict::Valid);
        assert_eq!(
            ValidUpTo::at(Some(Seq(10))).verdict(&entry(10), None).0,
            Verdict::HardInvalidated
        );
    }

    #[test]
    fn a_response_of_another_log_is_hard_invalidated() {
        let table = TagTable::starting_at(LogId::new("M").unwrap(), Seq(0));

        assert_eq!(ValidUpTo::NEVER.verdict(&entry(10), Some(&table)).0, Verdict::HardInvalidated);
    }
}

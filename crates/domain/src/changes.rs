//! A page of the change log, as `/internal/changes` tells it and every follower reads it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::coherence::TAGS_MAX;
use crate::{ChangeRow, LogId, RowDigest, RowId, Seq, Stamp, TagTable};

/// Rows on a page of the log, at most.
pub const ROWS_MAX: usize = 1_000;
/// The highest head that is believed: at a thousand writes a second, 8,900 years.
pub const SEQ_MAX: Seq = Seq((1 << 48) - 1);

/// A page of the log, and the JSON of `/internal/changes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    pub log: LogId,
    /// Rows at or below it may be gone: a position or a stamp below it proves nothing any more.
    pub floor: Seq,
    pub head: Seq,
    pub rows: Vec<ChangeRow>,
    /// Of the row at the position that was asked from; without a position, of the row at the head.
    /// Where it is not known (its row has expired), it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<RowDigest>,
    /// Only without a position: the last row between floor and head that named each tag, at most
    /// [`TAGS_MAX`] of them, so that a cold follower can judge answers that others cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, Seq>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Flags>,
}

/// What a follower asks the log for, and what it has seen of it. By that, the process next to the
/// store detects that the store was put back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Poll {
    /// Its position, after which it wants the rows; `None` at its start.
    pub after: Option<Stamp>,
    /// Of the row at its position.
    pub row: Option<RowDigest>,
    /// A row that another process's answer has named, and that this follower has not taken itself.
    pub seen: Option<RowId>,
}

/// The operators' switches, which travel with the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flags {
    pub version: u64,
    pub values: serde_json::Map<String, serde_json::Value>,
}

/// What no log can have said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChanges {
    #[error("its id is no log id")]
    LogId,
    #[error("its floor is above its head")]
    Floor,
    #[error("its head is beyond 2^48")]
    Head,
    #[error("more than {ROWS_MAX} rows on a page")]
    Rows,
    #[error("more than {TAGS_MAX} tags")]
    Tags,
}

impl Poll {
    /// Of a follower with this table; `seen` was named by another process's answer.
    pub fn of(table: Option<&TagTable>, seen: Option<RowId>) -> Self {
        // Before its first row every log is the same.
        let row = table.and_then(TagTable::row).filter(|row| row.seq > Seq::ZERO);

        Self { after: table.map(TagTable::stamp), row: row.map(|row| row.digest), seen }
    }

    /// The row at the follower's position.
    pub fn row_at_position(&self) -> Option<RowId> {
        let (Stamp { log, seq }, digest) = (self.after.clone()?, self.row?);

        Some(RowId { log, seq, digest })
    }
}

impl Changes {
    pub fn head_stamp(&self) -> Stamp {
        Stamp { log: self.log.clone(), seq: self.head }
    }

    /// Refuses what no log can have said, before a follower acts on it.
    pub fn checked(self) -> Result<Self, InvalidChanges> {
        if LogId::new(self.log.as_str()).is_err() {
            Err(InvalidChanges::LogId)
        } else if self.floor > self.head {
            Err(InvalidChanges::Floor)
        } else if self.head > SEQ_MAX {
            Err(InvalidChanges::Head)
        } else if self.rows.len() > ROWS_MAX {
            Err(InvalidChanges::Rows)
        } else if self.tags.as_ref().is_some_and(|tags| tags.len() > TAGS_MAX) {
            Err(InvalidChanges::Tags)
        } else {
            Ok(self)
        }
    }

    /// The rows that follow `position` without a gap, and whether others come after them.
    pub fn contiguous(&self, position: Seq) -> (&[ChangeRow], bool) {
        let known = self.rows.iter().take_while(|row| row.seq <= position).count();
        let new = &self.rows[known..];
        let dense = new.iter().zip(position.0 + 1..).take_while(|(row, seq)| row.seq.0 == *seq);
        let next = dense.count();

        (&new[..next], next < new.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(seqs: &[u64]) -> Changes {
        let rows = seqs.iter().map(|seq| {
            let json = format!(
                r#"{{"seq":{seq},"at":"2026-11-23T14:02:32.123Z","tags":["a"],"changes":[{{"entity":"e","version":1}}],"hard":false}}"#
            );
            serde_json::from_str(&json).unwrap()
        });

        Changes {
            log: LogId::new("L").unwrap(),
            floor: Seq(0),
            head: Seq(9),
            rows: rows.collect(),
            row: None,
            tags: None,
            flags: None,
        }
    }

    fn seqs(rows: &[ChangeRow]) -> Vec<u64> {
        rows.iter().map(|row| row.seq.0).collect()
    }

    #[test]
    fn a_page_is_the_json_of_internal_changes() {
        let json = concat!(
            r#"{"log":"L","floor":0,"head":9,"rows":[{"seq":4,"at":"2026-11-23T14:02:32.123Z","#,
            r#""tags":["a"],"changes":[{"entity":"e","version":1}],"hard":false}],"#,
            r#""flags":{"version":2,"values":{"cache.mode":"on"}}}"#
        );
        let values = [("cache.mode".to_owned(), "on".into())].into_iter().collect();
        let page = Changes { flags: Some(Flags { version: 2, values }), ..page(&[4]) };

        assert_eq!(serde_json::to_string(&page).unwrap(), json);
        assert_eq!(serde_json::from_str::<Changes>(json).unwrap(), page);
    }

    #[test]
    fn a_cold_followers_page_holds_a_map_of_tags() {
        let json = r#"{"log":"L","floor":3,"head":9,"rows":[],"tags":{"product:1":7}}"#;

        let page: Changes = serde_json::from_str(json).unwrap();

        assert_eq!(page.tags.unwrap()["product:1"], Seq(7));
    }

    #[test]
    fn only_rows_without_a_gap_before_them_are_taken() {
        assert_eq!(seqs(page(&[3, 4, 5, 7]).contiguous(Seq(3)).0), [4, 5]);
        assert!(page(&[3, 4, 5, 7]).contiguous(Seq(3)).1);
        assert!(page(&[5]).contiguous(Seq(3)).0.is_empty());
        assert!(!page(&[1, 2, 3]).contiguous(Seq(3)).1);
    }

    #[test]
    fn a_log_that_contradicts_itself_is_refused() {
        assert!(page(&[]).checked().is_ok());
        for (wrong, why) in [
            (Changes { floor: Seq(10), ..page(&[]) }, InvalidChanges::Floor),
            (Changes { head: Seq(1 << 48), ..page(&[]) }, InvalidChanges::Head),
            (Changes { log: LogId::default(), ..page(&[]) }, InvalidChanges::LogId),
        ] {
            assert_eq!(wrong.checked(), Err(why));
        }
    }
}

//! Where rows of the change log come from, and who must hear of them before the caches do.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::coherence::TAGS_MAX;
use domain::{ChangeRow, LogId, Seq, Stamp};
use ports::{PortError, PortErrorKind};
use serde::{Deserialize, Serialize};

use crate::mark::SEQ_MAX;

/// Rows on a page of the log, at most.
pub const ROWS_MAX: usize = 1_000;

/// The change log, as far as a follower needs it: the store's own, or another process's over HTTP.
#[async_trait]
pub trait ChangeLog: Send + Sync + 'static {
    /// The rows after a position, in order and from the first one on, at most [`ROWS_MAX`]; read
    /// strongly consistently, so that every row committed before the call is there or under a gap.
    /// Without a position: where the log stands, and no rows.
    async fn changes(&self, after: Option<&Stamp>) -> Result<Changes, PortError>;
}

/// What is told of every row before the tables move past it, so that whatever it holds is never
/// older than the follower's position. The search index is one.
#[async_trait]
pub trait Sink: Send + Sync + 'static {
    /// Takes contiguous rows; `position` is that of the last one. Rows may come again, after a
    /// failure or a call that was dropped half-way, and then change nothing. On an error the
    /// position stays, and the same rows come again later.
    async fn apply(&self, rows: &[ChangeRow], position: &Stamp) -> Result<(), PortError>;

    /// Rebuilds from nothing. `head` was read before this call, so what is read now holds all of
    /// it: answers `head`, or whichever position of the same log the sink holds, whose later rows
    /// then come by [`Sink::apply`].
    async fn reset(&self, head: &Stamp) -> Result<Stamp, PortError>;
}

/// For a tier that keeps nothing but answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSink;

/// A page of the log, and the JSON of `/internal/changes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    pub log: LogId,
    /// Rows at or below it may be gone: a position or a stamp below it says nothing any more.
    pub floor: Seq,
    pub head: Seq,
    pub rows: Vec<ChangeRow>,
    /// Only without a position: the last row between floor and head that named each tag, at most
    /// [`TAGS_MAX`] of them, so that a cold follower can judge answers that others cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, Seq>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Flags>,
}

/// The operators' switches, which travel with the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flags {
    pub version: u64,
    pub values: serde_json::Map<String, serde_json::Value>,
}

#[async_trait]
impl Sink for NoSink {
    async fn apply(&self, _rows: &[ChangeRow], _position: &Stamp) -> Result<(), PortError> {
        Ok(())
    }

    async fn reset(&self, head: &Stamp) -> Result<Stamp, PortError> {
        Ok(head.clone())
    }
}

impl Changes {
    pub fn head_stamp(&self) -> Stamp {
        Stamp { log: self.log.clone(), seq: self.head }
    }

    /// Refuses what no log can have said, before a follower acts on it.
    pub(crate) fn checked(self) -> Result<Self, PortError> {
        let wrong = if LogId::new(self.log.as_str()).is_err() {
            "its id is no log id"
        } else if self.floor > self.head {
            "its floor is above its head"
        } else if self.head > SEQ_MAX {
            "its head is beyond 2^48"
        } else if self.rows.len() > ROWS_MAX {
            "more than 1,000 rows on a page"
        } else if self.tags.as_ref().is_some_and(|tags| tags.len() > TAGS_MAX) {
            "more than 10,000 tags"
        } else {
            return Ok(self);
        };

        Err(PortError::new(PortErrorKind::Corrupt, format!("read the change log: {wrong}")))
    }

    /// The rows that follow `position` without a gap, and whether others come after them.
    pub(crate) fn contiguous(&self, position: Seq) -> (&[ChangeRow], bool) {
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
        for wrong in [
            Changes { floor: Seq(10), ..page(&[]) },
            Changes { head: Seq(1 << 48), ..page(&[]) },
            Changes { log: LogId::default(), ..page(&[]) },
        ] {
            assert_eq!(wrong.checked().unwrap_err().kind, PortErrorKind::Corrupt);
        }
    }
}

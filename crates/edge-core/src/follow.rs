//! Following the change log one page at a time, for a shell without threads: the shell fetches,
//! this decides what to fetch and what a page does to the table.

use domain::changes::{Changes, Flags, InvalidChanges};
use domain::{Seq, Stamp, TagHash, TagTable, Timestamp};

use crate::decision::LogAge;

/// What one tier knows of the log.
#[derive(Debug, Default)]
pub struct LogView {
    table: Option<TagTable>,
    /// When the page was asked for that last found the table to be at the log's head.
    complete_at: Option<Timestamp>,
    flags: Option<Flags>,
}

/// What came of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The table is at the log's head.
    CaughtUp,
    /// There is another page.
    More,
    /// A committed row is not to be seen yet, or the page is older than the table.
    Stuck,
}

impl LogView {
    pub fn table(&self) -> Option<&TagTable> {
        self.table.as_ref()
    }

    pub fn position(&self) -> Option<Seq> {
        self.table.as_ref().map(TagTable::position)
    }

    pub fn stamp(&self) -> Option<Stamp> {
        self.table.as_ref().map(TagTable::stamp)
    }

    /// Since when the table may lack rows.
    pub fn age(&self, now: Timestamp) -> LogAge {
        self.complete_at.map_or(LogAge::NEVER, |at| LogAge(now.since(at)))
    }

    pub fn is_cache_off(&self) -> bool {
        self.flags.as_ref().is_some_and(is_cache_off)
    }

    /// What to ask the origin for.
    pub fn target(&self) -> String {
        target(self.stamp().as_ref())
    }

    /// Takes the answer to [`LogView::target`], which was asked for at `asked_at`.
    pub fn take(&mut self, changes: Changes, asked_at: Timestamp) -> Result<Taken, InvalidChanges> {
        let changes = changes.checked()?;

        Ok(match self.stamp() {
            Some(after) if after.log == changes.log && after.seq >= changes.floor => {
                self.advance(&changes, after.seq, asked_at)
            }
            // Between here and the next page nothing is known, so nothing is valid.
            Some(_) => {
                *self = Self::default();
                Taken::More
            }
            None => {
                self.start(&changes, asked_at);
                Taken::CaughtUp
            }
        })
    }

    fn advance(&mut self, changes: &Changes, from: Seq, asked_at: Timestamp) -> Taken {
        let Some(table) = self.table.as_mut().filter(|_| changes.head >= from) else {
            return Taken::Stuck;
        };
        let (rows, has_gap) = changes.contiguous(from);
        for row in rows {
            table.apply(row).expect("the rows were cut at the first gap");
        }
        table.raise_floor(changes.floor);
        let is_at_head = table.position() >= changes.head;
        self.switch(changes);

        if is_at_head && !has_gap {
            // Pages may arrive in another order than they were asked for in.
            self.complete_at = self.complete_at.max(Some(asked_at));
            return Taken::CaughtUp;
        }
        if has_gap || rows.is_empty() { Taken::Stuck } else { Taken::More }
    }

    fn start(&mut self, changes: &Changes, asked_at: Timestamp) {
        let (log, head) = (changes.log.clone(), changes.head);
        self.table = Some(match &changes.tags {
            Some(tags) => {
                let tags = tags.iter().map(|(tag, seq)| (TagHash::of(tag), *seq));
                TagTable::restored(log, head, changes.floor, tags)
            }
            None => TagTable::starting_at(log, head),
        });
        self.complete_at = Some(asked_at);
        self.switch(changes);
    }

    fn switch(&mut self, changes: &Changes) {
        let Some(told) = &changes.flags else { return };

        if self.flags.as_ref().is_none_or(|flags| flags.version < told.version) {
            self.flags = Some(told.clone());
        }
    }
}

/// What to ask the origin for the rows after a position.
pub fn target(after: Option<&Stamp>) -> String {
    match after {
        Some(after) => format!("/internal/changes?after={after}"),
        None => "/internal/changes".to_owned(),
    }
}

/// The operators' switch `cache.mode`.
pub fn is_cache_off(flags: &Flags) -> bool {
    flags.values.get("cache.mode").is_some_and(|mode| mode == "off")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::coherence::Verdict;
    use serde_json::json;

    use super::*;
    use crate::decision::LogUse;

    const NOW: Timestamp = Timestamp::from_millis(1_795_442_552_000);

    fn page(head: u64, rows: &[u64]) -> Changes {
        page_of("L", head, rows)
    }

    fn page_of(log: &str, head: u64, rows: &[u64]) -> Changes {
        let rows: Vec<_> = rows
            .iter()
            .map(|seq| {
                json!({ "seq": seq, "at": "2026-11-23T14:02:32.123Z", "tags": ["a"], "changes": [] })
            })
            .collect();
        let page = json!({ "log": log, "floor": 0, "head": head, "rows": rows });

        serde_json::from_value(page).unwrap()
    }

    fn at(head: u64) -> LogView {
        let mut view = LogView::default();
        assert_eq!(view.take(page(head, &[]), NOW), Ok(Taken::CaughtUp));
        view
    }

    #[test]
    fn a_cold_view_asks_where_the_log_stands_and_is_current_then() {
        let cold = LogView::default();
        assert_eq!(cold.target(), "/internal/changes");
        assert_eq!(cold.age(NOW), LogAge::NEVER);

        let view = at(7);

        assert_eq!(view.target(), "/internal/changes?after=L.7");
        assert_eq!(view.age(NOW.plus(Duration::from_secs(2))).usage(), LogUse::UseAndRefresh);
    }

    #[test]
    fn a_cold_view_judges_what_others_kept_by_the_map_of_tags() {
        let mut view = LogView::default();
        let mut changes = page(9, &[]);
        changes.tags = Some([("a".to_owned(), Seq(8))].into_iter().collect());

        view.take(changes, NOW).unwrap();

        let table = view.table().unwrap();
        assert_eq!(table.judge_seq(Seq(7), &[TagHash::of("a")]), Verdict::Withdrawn);
        assert_eq!(table.judge_seq(Seq(7), &[TagHash::of("b")]), Verdict::Valid);
    }

    #[test]
    fn rows_are_taken_up_to_the_head_and_only_then_is_the_view_current() {
        let mut view = at(7);
        let later = NOW.plus(Duration::from_secs(5));

        assert_eq!(view.take(page(10, &[8, 9]), later), Ok(Taken::More));
        assert_eq!(view.age(later), LogAge(Duration::from_secs(5)));
        assert_eq!(view.take(page(10, &[9, 10]), later), Ok(Taken::CaughtUp));

        assert_eq!(view.position(), Some(Seq(10)));
        assert_eq!(view.age(later), LogAge(Duration::ZERO));
    }

    #[test]
    fn a_gap_stops_it() {
        let mut view = at(7);

        assert_eq!(view.take(page(9, &[9]), NOW), Ok(Taken::Stuck));
        assert_eq!(view.take(page(9, &[8]), NOW), Ok(Taken::More));
        assert_eq!(view.take(page(9, &[]), NOW), Ok(Taken::Stuck));
        assert_eq!(view.position(), Some(Seq(8)));
    }

    #[test]
    fn an_older_page_changes_nothing() {
        let mut view = at(7);
        view.take(page(9, &[8, 9]), NOW.plus(Duration::from_secs(1))).unwrap();

        assert_eq!(view.take(page(8, &[8]), NOW), Ok(Taken::Stuck));
        assert_eq!(view.take(page(9, &[8, 9]), NOW), Ok(Taken::CaughtUp));

        assert_eq!(view.age(NOW.plus(Duration::from_secs(1))), LogAge(Duration::ZERO));
    }

    #[test]
    fn another_log_or_a_floor_above_it_starts_again() {
        let mut floor = page(9, &[]);
        floor.floor = Seq(8);

        for other in [page_of("M", 3, &[]), floor] {
            let mut view = at(7);

            assert_eq!(view.take(other, NOW), Ok(Taken::More));

            assert!(view.table().is_none());
            assert_eq!((view.age(NOW), view.target()), (LogAge::NEVER, "/internal/changes".into()));
        }
    }

    #[test]
    fn the_switch_is_the_newest_that_was_told() {
        let mut view = at(7);
        let told = |version: u64, mode: &str| {
            let flags = json!({ "version": version, "values": { "cache.mode": mode } });
            Changes { flags: Some(serde_json::from_value(flags).unwrap()), ..page(7, &[]) }
        };

        view.take(told(2, "off"), NOW).unwrap();
        view.take(told(1, "on"), NOW).unwrap();

        assert!(view.is_cache_off());
        view.take(told(3, "on"), NOW).unwrap();
        assert!(!view.is_cache_off());
    }

    #[test]
    fn what_no_log_can_have_said_is_refused() {
        let mut view = at(7);
        let wrong = Changes { floor: Seq(99), ..page(9, &[8]) };

        assert_eq!(view.take(wrong, NOW), Err(InvalidChanges::Floor));
        assert_eq!(view.position(), Some(Seq(7)));
    }
}

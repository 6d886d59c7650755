//! Following the change log one page at a time, for a shell without threads: the shell fetches,
//! this decides what to fetch and what a page does to the table.

use std::fmt::Write as _;

use domain::changes::{Changes, Flags, InvalidChanges, Poll};
use domain::{RowId, Seq, Stamp, TagHash, TagTable, Timestamp};

use crate::decision::LogAge;

/// What one tier knows of the log.
#[derive(Debug, Default)]
pub struct LogView {
    table: Option<TagTable>,
    /// When the page was asked for that last found the table to be at the log's head.
    complete_at: Option<Timestamp>,
    flags: Option<Flags>,
    /// A row that an answer has named and that is not taken here: it goes along with the next poll.
    seen: Option<RowId>,
    /// When the page was asked for that had its head below the position.
    went_back_at: Option<Timestamp>,
}

/// What came of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The table is at the log's head.
    CaughtUp,
    /// There is another page.
    More,
    /// It is another log, or this one was put back: nothing is known any more, and nothing that was
    /// kept is worth anything. There is another page.
    Anew,
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

    /// A place in this view's log; one in another log is none here.
    pub fn place_of(&self, stamp: &Stamp) -> Option<Seq> {
        self.table.as_ref().is_none_or(|table| *table.log() == stamp.log).then_some(stamp.seq)
    }

    /// Since when the table may lack rows.
    pub fn age(&self, now: Timestamp) -> LogAge {
        self.complete_at.map_or(LogAge::NEVER, |at| LogAge(now.since(at)))
    }

    pub fn is_cache_off(&self) -> bool {
        self.flags.as_ref().is_some_and(is_cache_off)
    }

    /// What to ask the origin for, see [`target`].
    pub fn poll(&self) -> Poll {
        Poll::of(self.table.as_ref(), self.seen.clone())
    }

    /// An answer names a row. One that was not taken here is shown to the log with the next poll:
    /// either it is still to come, or the store was put back to before it.
    pub fn hear_of(&mut self, row: &RowId) {
        if self.has_taken(row) {
            return;
        }
        let seen = self.seen.as_ref();

        if seen.is_none_or(|seen| seen.log == row.log && seen.seq < row.seq) {
            self.seen = Some(row.clone());
        }
    }

    /// Whether everything up to this row is of the same past as what was taken here.
    pub fn has_taken(&self, row: &RowId) -> bool {
        self.table.as_ref().is_some_and(|table| table.has_taken(row))
    }

    /// Takes the answer to a poll, which was asked for at `asked_at`.
    pub fn take(
        &mut self,
        poll: &Poll,
        changes: Changes,
        asked_at: Timestamp,
    ) -> Result<Taken, InvalidChanges> {
        let changes = changes.checked()?;
        // The origin, which reads the store directly, has judged it.
        if self.seen == poll.seen {
            self.seen = None;
        }
        if self.was_put_back(poll, &changes, asked_at) {
            *self = Self::default();
            return Ok(Taken::Anew);
        }

        Ok(match self.stamp() {
            Some(after) if after.log == changes.log && after.seq >= changes.floor => {
                self.advance(&changes, after.seq, asked_at)
            }
            // Between here and the next page nothing is known, so nothing is valid.
            Some(_) => {
                *self = Self::default();
                Taken::Anew
            }
            None => {
                self.start(poll, &changes, asked_at);
                Taken::CaughtUp
            }
        })
    }

    /// Whether what the log says can't be the past of what was taken here: the store was put back
    /// under the same name. One head below the position may be an old answer, two are not.
    fn was_put_back(&mut self, poll: &Poll, changes: &Changes, asked_at: Timestamp) -> bool {
        let Some(table) = self.table.as_ref().filter(|table| *table.log() == changes.log) else {
            return false;
        };
        let at = poll.after.as_ref().filter(|after| after.log == changes.log);
        let taken = at.and_then(|after| table.digest_at(after.seq));
        if matches!((taken, changes.row), (Some(taken), Some(told)) if taken != told) {
            return true;
        }

        // A page that was asked for before the table was complete is an old one.
        let is_old = self.complete_at.is_some_and(|at| asked_at <= at);
        if changes.head >= table.position() || is_old {
            return false;
        }
        let before = self.went_back_at.replace(asked_at);
        let since = self.complete_at.unwrap_or_default();
        before.is_some_and(|before| before > since && before < asked_at)
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

    fn start(&mut self, poll: &Poll, changes: &Changes, asked_at: Timestamp) {
        let (log, head) = (changes.log.clone(), changes.head);
        self.table = Some(match &changes.tags {
            Some(tags) => {
                let tags = tags.iter().map(|(tag, seq)| (TagHash::of(tag), *seq));
                TagTable::restored(log, head, changes.floor, tags)
            }
            None => TagTable::starting_at(log, head),
        });
        // A page that was asked for from a position tells of the row there.
        let row = changes.row.filter(|_| poll.after.is_none());
        self.table = self.table.take().map(|table| table.standing_on(row));
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

/// A poll as a request's target.
pub fn target(poll: &Poll) -> String {
    let mut target = "/internal/changes".to_owned();
    let mut parameter = |name: &str, value: Option<&dyn std::fmt::Display>| {
        if let Some(value) = value {
            let mark = if target.contains('?') { '&' } else { '?' };
            write!(target, "{mark}{name}={value}").expect("a text takes every text");
        }
    };

    parameter("after", poll.after.as_ref().map(|after| after as _));
    parameter("row", poll.row.as_ref().map(|row| row as _));
    parameter("seen", poll.seen.as_ref().map(|seen| seen as _));
    target
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

    /// The answer to what the view asks now.
    fn taken(
        view: &mut LogView,
        changes: Changes,
        asked_at: Timestamp,
    ) -> Result<Taken, InvalidChanges> {
        view.take(&view.poll(), changes, asked_at)
    }

    fn at(head: u64) -> LogView {
        let mut view = LogView::default();
        assert_eq!(taken(&mut view, page(head, &[]), NOW), Ok(Taken::CaughtUp));
        view
    }

    #[test]
    fn a_cold_view_asks_where_the_log_stands_and_is_current_then() {
        let cold = LogView::default();
        assert_eq!(target(&cold.poll()), "/internal/changes");
        assert_eq!(cold.age(NOW), LogAge::NEVER);

        let view = at(7);

        assert_eq!(target(&view.poll()), "/internal/changes?after=L.7");
        assert_eq!(view.age(NOW.plus(Duration::from_secs(2))).usage(), LogUse::UseAndRefresh);
    }

    #[test]
    fn a_cold_view_judges_what_others_kept_by_the_map_of_tags() {
        let mut view = LogView::default();
        let mut changes = page(9, &[]);
        changes.tags = Some([("a".to_owned(), Seq(8))].into_iter().collect());

        taken(&mut view, changes, NOW).unwrap();

        let table = view.table().unwrap();
        assert_eq!(table.judge_seq(Seq(7), &[TagHash::of("a")]), Verdict::HardInvalidated);
        assert_eq!(table.judge_seq(Seq(7), &[TagHash::of("b")]), Verdict::Valid);
    }

    #[test]
    fn rows_are_taken_up_to_the_head_and_only_then_is_the_view_current() {
        let mut view = at(7);
        let later = NOW.plus(Duration::from_secs(5));

        assert_eq!(taken(&mut view, page(10, &[8, 9]), later), Ok(Taken::More));
        assert_eq!(view.age(later), LogAge(Duration::from_secs(5)));
        assert_eq!(taken(&mut view, page(10, &[9, 10]), later), Ok(Taken::CaughtUp));

        assert_eq!(view.position(), Some(Seq(10)));
        assert_eq!(view.age(later), LogAge(Duration::ZERO));
    }

    #[test]
    fn a_gap_stops_it() {
        let mut view = at(7);

        assert_eq!(taken(&mut view, page(9, &[9]), NOW), Ok(Taken::Stuck));
        assert_eq!(taken(&mut view, page(9, &[8]), NOW), Ok(Taken::More));
        assert_eq!(taken(&mut view, page(9, &[]), NOW), Ok(Taken::Stuck));
        assert_eq!(view.position(), Some(Seq(8)));
    }

    #[test]
    fn an_older_page_changes_nothing() {
        let mut view = at(7);
        taken(&mut view, page(9, &[8, 9]), NOW.plus(Duration::from_secs(1))).unwrap();

        assert_eq!(taken(&mut view, page(8, &[8]), NOW), Ok(Taken::Stuck));
        assert_eq!(taken(&mut view, page(9, &[8, 9]), NOW), Ok(Taken::CaughtUp));

        assert_eq!(view.age(NOW.plus(Duration::from_secs(1))), LogAge(Duration::ZERO));
    }

    #[test]
    fn another_log_or_a_floor_above_it_starts_again() {
        let mut floor = page(9, &[]);
        floor.floor = Seq(8);

        for other in [page_of("M", 3, &[]), floor] {
            let mut view = at(7);

            assert_eq!(taken(&mut view, other, NOW), Ok(Taken::Anew));

            assert!(view.table().is_none());
            assert_eq!(
                (view.age(NOW), target(&view.poll())),
                (LogAge::NEVER, "/internal/changes".into())
            );
        }
    }

    #[test]
    fn another_row_at_the_position_is_a_store_that_was_put_back() {
        let mut view = at(7);
        taken(&mut view, page(9, &[8, 9]), NOW).unwrap();
        let poll = view.poll();
        let (mine, other) = (poll.row, page(1, &[1]).rows[0].digest());
        let with_row = |row| Changes { row, ..page(9, &[]) };
        assert!(target(&poll).starts_with("/internal/changes?after=L.9&row="));

        assert_eq!(view.take(&poll, with_row(mine), NOW), Ok(Taken::CaughtUp));
        assert_eq!(view.take(&poll, with_row(None), NOW), Ok(Taken::CaughtUp));
        assert_eq!(view.take(&poll, with_row(Some(other)), NOW), Ok(Taken::Anew));

        assert!(view.table().is_none());
    }

    #[test]
    fn a_head_below_the_position_on_two_polls_is_a_store_that_was_put_back() {
        let later = |seconds| NOW.plus(Duration::from_secs(seconds));
        let mut view = at(7);

        assert_eq!(taken(&mut view, page(5, &[]), NOW), Ok(Taken::Stuck), "an old page");
        assert_eq!(taken(&mut view, page(5, &[]), later(1)), Ok(Taken::Stuck));
        assert_eq!(taken(&mut view, page(5, &[]), later(1)), Ok(Taken::Stuck), "the same page");
        assert_eq!(taken(&mut view, page(5, &[]), later(2)), Ok(Taken::Anew));
    }

    #[test]
    fn one_head_below_the_position_is_forgotten_once_the_log_is_whole_again() {
        let later = |seconds| NOW.plus(Duration::from_secs(seconds));
        let mut view = at(7);

        taken(&mut view, page(5, &[]), later(1)).unwrap();
        assert_eq!(taken(&mut view, page(7, &[]), later(2)), Ok(Taken::CaughtUp));

        assert_eq!(taken(&mut view, page(5, &[]), later(3)), Ok(Taken::Stuck));
    }

    #[test]
    fn a_row_that_an_answer_names_is_shown_to_the_log_once() {
        let mut view = at(7);
        let (known, ahead) = (page(8, &[8]), page(9, &[9]));
        let id = |page: &Changes, seq| RowId {
            log: page.log.clone(),
            seq: Seq(seq),
            digest: page.rows[0].digest(),
        };
        taken(&mut view, known.clone(), NOW).unwrap();

        view.hear_of(&id(&known, 8));
        assert_eq!(view.poll().seen, None, "it was taken");
        view.hear_of(&id(&ahead, 9));
        view.hear_of(&id(&known, 7));

        let poll = view.poll();
        assert_eq!(poll.seen, Some(id(&ahead, 9)));
        assert!(target(&poll).ends_with(&format!("&seen=L.9.{}", ahead.rows[0].digest())));
        view.take(&poll, page(8, &[]), NOW).unwrap();
        assert_eq!(view.poll().seen, None);
    }

    #[test]
    fn the_switch_is_the_newest_that_was_told() {
        let mut view = at(7);
        let with_flags = |version: u64, mode: &str| {
            let flags = json!({ "version": version, "values": { "cache.mode": mode } });
            Changes { flags: Some(serde_json::from_value(flags).unwrap()), ..page(7, &[]) }
        };

        taken(&mut view, with_flags(2, "off"), NOW).unwrap();
        taken(&mut view, with_flags(1, "on"), NOW).unwrap();

        assert!(view.is_cache_off());
        taken(&mut view, with_flags(3, "on"), NOW).unwrap();
        assert!(!view.is_cache_off());
    }

    #[test]
    fn what_no_log_can_have_said_is_refused() {
        let mut view = at(7);
        let wrong = Changes { floor: Seq(99), ..page(9, &[8]) };

        assert_eq!(taken(&mut view, wrong, NOW), Err(InvalidChanges::Floor));
        assert_eq!(view.position(), Some(Seq(7)));
    }
}

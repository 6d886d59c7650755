//! What a follower knew of the log at one moment.

use domain::changes::Poll;
use domain::coherence::Verdict;
use domain::{ChangeRow, RowId, Seq, Stamp, TagHash, TagTable};

use crate::changes::Changes;
use crate::mark::Mark;

/// Immutable, so that a reader judges by one state of the table however long it takes.
#[derive(Debug)]
pub struct Snapshot {
    era: u16,
    table: Option<TagTable>,
}

impl Snapshot {
    /// Of a follower that knows nothing, whose last era was `era`.
    pub(crate) const fn cold(era: u16) -> Self {
        Self { era, table: None }
    }

    /// The first one of the era after this.
    pub(crate) fn next_era(&self, table: TagTable) -> Self {
        // Zero is skipped: a mark of era zero would be that of a cold follower.
        Self { era: self.era.checked_add(1).unwrap_or(1), table: Some(table) }
    }

    /// The first one of the era after this, of a sink that holds everything up to `held`.
    pub(crate) fn begun(&self, held: &Stamp, changes: &Changes) -> Self {
        let table = match &changes.tags {
            // The map is complete up to the head alone.
            Some(tags) if *held == changes.head_stamp() => {
                let tags = tags.iter().map(|(tag, seq)| (TagHash::of(tag), *seq));
                TagTable::restored(held.log.clone(), held.seq, changes.floor, tags)
            }
            _ => TagTable::starting_at(held.log.clone(), held.seq),
        };

        // The page has no information about rows before the head.
        let row = changes.row.filter(|_| *held == changes.head_stamp());

        self.next_era(table.standing_on(row))
    }

    /// Whether the rows of `changes` go on where this is: of the same log, whose rows after here are
    /// still kept.
    pub(crate) fn is_followed_by(&self, changes: &Changes) -> bool {
        self.table
            .as_ref()
            .is_some_and(|table| *table.log() == changes.log && table.position() >= changes.floor)
    }

    /// What to ask the log for; `seen` was named by another tier's answer.
    pub(crate) fn poll(&self, seen: Option<RowId>) -> Poll {
        Poll::of(self.table.as_ref(), seen)
    }

    /// Whether the log ends before the position. Once, it may be an old response; twice in a row, the
    /// store was put back under the same name.
    pub(crate) fn is_ahead_of(&self, changes: &Changes) -> bool {
        self.position().is_some_and(|position| changes.head < position)
    }

    /// Whether the store was put back under the same name since this was taken. `was_ahead`: the
    /// response before this one already ended before the position.
    pub(crate) fn was_put_back(&self, changes: &Changes, was_ahead: bool) -> bool {
        (was_ahead && self.is_ahead_of(changes)) || self.is_contradicted_by(changes)
    }

    /// Whether the log has another row at the position than the one that was taken.
    pub(crate) fn is_contradicted_by(&self, changes: &Changes) -> bool {
        let Some(table) = self.table.as_ref().filter(|table| *table.log() == changes.log) else {
            return false;
        };
        let taken = table.row().map(|row| row.digest);

        matches!((taken, changes.row), (Some(taken), Some(told)) if taken != told)
    }

    /// Whether everything up to this row is of the same past as what was taken here.
    pub(crate) fn has_taken(&self, row: &RowId) -> bool {
        self.table.as_ref().is_some_and(|table| table.has_taken(row))
    }

    /// The one after `rows`, which follow without a gap; `None` if it would be the same.
    pub(crate) fn after(&self, rows: &[ChangeRow], floor: Seq) -> Option<Self> {
        let table = self.table.as_ref()?;
        if rows.is_empty() && table.floor() >= floor {
            return None;
        }
        // A copy, so that readers need no lock: some 400 KB at most, and at most one a poll.
        let mut table = table.clone();

        for row in rows {
            table.apply(row).expect("the rows were cut at the first gap");
        }
        table.raise_floor(floor);
        Some(Self { era: self.era, table: Some(table) })
    }

    pub(crate) const fn era(&self) -> u16 {
        self.era
    }

    pub(crate) fn mark(&self) -> Mark {
        self.table.as_ref().map_or(Mark::COLD, |table| Mark::new(self.era, table.position()))
    }

    /// `None` until the follower has read the log.
    pub const fn table(&self) -> Option<&TagTable> {
        self.table.as_ref()
    }

    pub fn stamp(&self) -> Option<Stamp> {
        self.table.as_ref().map(TagTable::stamp)
    }

    pub fn position(&self) -> Option<Seq> {
        self.table.as_ref().map(TagTable::position)
    }

    /// The stamp of a value that is read from now on: the position, or an earlier one that the source
    /// gives. An index is a row ahead of the table for a moment; but an answer names the newest row
    /// in the table as what it rests on, and a stamp beyond that row would count for whichever row
    /// takes its place when the store is put back.
    pub(crate) fn stamp_of_read(&self, source: Option<Stamp>) -> Option<Stamp> {
        match (source, self.stamp()) {
            (Some(source), Some(own)) if source.log == own.log => {
                Some(Stamp { seq: source.seq.min(own.seq), ..own })
            }
            (source, own) => source.or(own),
        }
    }

    /// What the rule says of an answer; while nothing is known of the log, that nothing is valid.
    pub fn judge(&self, stamp: &Stamp, tags: &[TagHash]) -> Verdict {
        self.table.as_ref().map_or(Verdict::HardInvalidated, |table| table.judge(stamp, tags))
    }

    /// The mark of an entry that is valid now: it counts as stamped with this position.
    pub(crate) fn raised(&self, mark: Mark, tags: &[TagHash]) -> Option<Mark> {
        let table = self.table.as_ref().filter(|_| mark.era() == self.era)?;

        table
            .judge_seq(mark.seq(), tags)
            .is_valid()
            .then(|| Mark::new(self.era, mark.seq().max(table.position())))
    }

    /// The mark under which an answer may be kept that was read since `before`.
    pub(crate) fn admitted(&self, before: &Self, mark: Mark, tags: &[TagHash]) -> Option<Mark> {
        (self.era == before.era).then(|| self.raised(mark, tags)).flatten()
    }
}

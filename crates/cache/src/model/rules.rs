//! Each decision, by a call of the code that is shipped; and which of them a mutant leaves out.

use std::time::Duration;

use domain::coherence::Verdict;
use domain::{CatalogRead, ChangeRow, Resource, RowId, Seq, TagHash, TagTable, Timestamp};
use edge_core::decision::{self, Decision, LogAge, LogUse, Reception};

use super::state::{Answer, Ask, Data, EdgeEntry, Index, OriginEntry, State, TAGS, Table};
use super::state::{MADE_UP, log_id, log_of, row, small, stamp, writer_of};
use crate::changes::Changes;
use crate::entry::{is_clamped, source_age};
use crate::follower::USABLE_FOR;
use crate::mark::Mark;
use crate::snapshot::Snapshot;
use crate::versions::NamedVersions;

/// One numbered rule, left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// 1: a position jumps a gap.
    GapIsJumped,
    /// 2: the stamp is read after the data.
    StampIsLate,
    /// 2: a row is taken into the index whether what it names shows or not.
    VersionIsNotChecked,
    /// 2: a fill is kept whether its versions are those that the log names or not.
    FillIsNotChecked,
    /// 2: a fill is kept whatever came while it was read.
    FillIsNotJudged,
    /// 3: a list is stamped with the log's head instead of the index's position.
    HeadIsTheStamp,
    /// 4: the origin ignores what it must at least answer.
    MinSeqIsIgnored,
    /// 5: an answer is not judged again by its own tags.
    AnswerIsNotJudged,
    /// 5: a lower stamp replaces a higher one.
    LowerStampReplaces,
    /// 6: the stale window serves what is invalid.
    StaleServesInvalid,
    /// 6: a failing origin lets a hard-invalidated entry be served.
    ErrorShowsHardInvalidated,
    /// 7: a table's age is ignored.
    AgeIsIgnored,
    /// 8: another log is followed as if it were the same.
    OtherLogIsAccepted,
    /// 8: a store that was put back under the log's old name is taken for the one before.
    PutBackIsNotNoticed,
    /// 8: a follower does not compare the row at its position.
    RowIsNotCompared,
    /// 8: a follower waits for the log to reach its position again.
    HeadBelowIsIgnored,
    /// 8: a row that an answer has named is not shown to the log.
    SeenIsNotShown,
    /// 8: a stamp counts beyond the row that its answer names.
    StampPassesTheRow,
    /// 8: a table that starts late believes stamps from before.
    FloorIsIgnored,
    /// 9: a pushed position is believed, instead of being a reason to poll.
    PushIsBelieved,
    /// 10: a token raises nothing.
    TokenIsIgnored,
}

impl Mutant {
    pub const ALL: [Self; 21] = [
        Self::GapIsJumped,
        Self::StampIsLate,
        Self::VersionIsNotChecked,
        Self::FillIsNotChecked,
        Self::FillIsNotJudged,
        Self::HeadIsTheStamp,
        Self::MinSeqIsIgnored,
        Self::AnswerIsNotJudged,
        Self::LowerStampReplaces,
        Self::StaleServesInvalid,
        Self::ErrorShowsHardInvalidated,
        Self::AgeIsIgnored,
        Self::OtherLogIsAccepted,
        Self::PutBackIsNotNoticed,
        Self::RowIsNotCompared,
        Self::HeadBelowIsIgnored,
        Self::SeenIsNotShown,
        Self::StampPassesTheRow,
        Self::FloorIsIgnored,
        Self::PushIsBelieved,
        Self::TokenIsIgnored,
    ];

    /// The name of the scenario that catches it; `None` where another rule does the same work, in
    /// every scenario.
    pub const fn caught_in(self) -> Option<&'static str> {
        Some(match self {
            // The index takes a row only once everything shows that it names, so a fill that begins
            // after that reads nothing older; one that began before is stamped before the row, which
            // names its tags.
            Self::FillIsNotChecked => return None,
            Self::GapIsJumped
            | Self::StampIsLate
            | Self::VersionIsNotChecked
            | Self::FillIsNotJudged
            | Self::HeadIsTheStamp
            | Self::MinSeqIsIgnored
            | Self::AnswerIsNotJudged
            | Self::PushIsBelieved
            | Self::TokenIsIgnored => "tokens",
            Self::LowerStampReplaces | Self::ErrorShowsHardInvalidated => "failing",
            Self::StaleServesInvalid => "late",
            Self::AgeIsIgnored => "slow",
            Self::OtherLogIsAccepted => "restored",
            Self::PutBackIsNotNoticed | Self::SeenIsNotShown | Self::StampPassesTheRow => {
                "put back"
            }
            Self::RowIsNotCompared | Self::HeadBelowIsIgnored => "kept name",
            Self::FloorIsIgnored => "blind",
        })
    }
}

pub struct Rules {
    mutant: Option<Mutant>,
    read: CatalogRead,
    tags: [TagHash; 2],
    known: Vec<TagHash>,
    entry_ttl: Duration,
}

/// What a tier does with a page of the log.
pub struct Taken {
    pub rows: Vec<ChangeRow>,
    pub is_complete: bool,
}

/// What the edge does with what it keeps.
pub enum Use {
    Serves { is_blind: bool },
    Asks { may_serve_stale: bool },
}

impl Rules {
    pub fn new(mutant: Option<Mutant>) -> Self {
        let read = CatalogRead::Featured;
        let known = decision::known_tags(&read);
        let entry_ttl = read.resource().policy().edge;

        Self { mutant, read, tags: TAGS.map(|tag| tag.hash()), known, entry_ttl }
    }

    pub fn lacks(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn resource(&self) -> Resource {
        self.read.resource()
    }

    /// What the store answers a tier with; `seen` was named by an answer.
    pub fn page(&self, state: &mut State, table: &Table, seen: Option<RowId>) -> Changes {
        let poll = table.snapshot.poll(seen.filter(|_| !self.lacks(Mutant::SeenIsNotShown)));
        let is_noticed = !state.store.keeps_name && state.store.has_undone(&poll);
        if is_noticed && !self.lacks(Mutant::PutBackIsNotNoticed) {
            state.store.log = 1;
        }
        let mut after = poll.after;
        if self.lacks(Mutant::OtherLogIsAccepted)
            && let Some(after) = &mut after
        {
            after.log = log_id(state.store.log);
        }
        let mut changes = state.store.changes(after.as_ref()).checked().expect("a log");
        if self.lacks(Mutant::OtherLogIsAccepted)
            && let Some((log, _)) = table.stamp()
        {
            changes.log = log_id(log);
        }
        changes
    }

    pub fn can_follow(&self, table: &Table, changes: &Changes, was_ahead: bool) -> bool {
        let was_ahead = was_ahead && !self.lacks(Mutant::HeadBelowIsIgnored);
        let was_put_back = if self.lacks(Mutant::PutBackIsNotNoticed) {
            false
        } else if self.lacks(Mutant::RowIsNotCompared) {
            was_ahead && table.snapshot.is_ahead_of(changes)
        } else {
            table.snapshot.was_put_back(changes, was_ahead)
        };

        table.snapshot.is_followed_by(changes) && !was_put_back
    }

    pub fn taken(&self, table: &Table, changes: &Changes) -> Option<Taken> {
        let position = table.snapshot.position()?;
        if self.lacks(Mutant::GapIsJumped) {
            let rows = filled_up(position, &changes.rows);
            return Some(Taken { rows, is_complete: true });
        }
        if table.snapshot.is_ahead_of(changes) {
            return None;
        }
        let (rows, has_gap) = changes.contiguous(position);
        let last = rows.last().map_or(position, |row| row.seq);

        Some(Taken { rows: rows.to_vec(), is_complete: last >= changes.head && !has_gap })
    }

    pub fn moved(&self, table: &Table, rows: &[ChangeRow], changes: &Changes) -> Table {
        match table.snapshot.after(rows, changes.floor) {
            Some(snapshot) => table.moved(rows, snapshot),
            None => table.clone(),
        }
    }

    pub fn begun(&self, table: &Table, held: u8, changes: &Changes) -> Table {
        let at = stamp(log_of(&changes.head_stamp()), held);
        let snapshot = if self.lacks(Mutant::FloorIsIgnored) {
            let believing = TagTable::restored(at.log.clone(), at.seq, Seq::ZERO, []);
            table.snapshot.next_era(believing)
        } else {
            table.snapshot.begun(&at, changes)
        };

        Table::of(snapshot, [0; 2], held)
    }

    /// A pushed position, believed.
    pub fn pushed(&self, table: &Table, seq: u8) -> Option<Table> {
        let position = table.snapshot.position()?;
        let rows: Vec<_> = (small(position) + 1..=seq).map(|seq| row(seq, MADE_UP)).collect();
        let snapshot = table.snapshot.after(&rows, Seq::ZERO)?;

        Some(table.moved(&rows, snapshot))
    }

    /// Whether what the rows name shows; the index takes them only then.
    pub fn is_seen(&self, state: &State, rows: &[ChangeRow]) -> bool {
        let version =
            |row: &ChangeRow| writer_of(row).map(|writer| u64::from(state.store.version(writer)));
        let seen =
            |row: &ChangeRow| row.changes.iter().all(|change| change.is_seen_by(version(row)));

        self.lacks(Mutant::VersionIsNotChecked) || rows.iter().all(seen)
    }

    // The origin.

    pub fn table_age(&self, now: u16, complete_at: Option<u16>) -> Duration {
        match complete_at {
            Some(_) if self.lacks(Mutant::AgeIsIgnored) => Duration::ZERO,
            Some(at) => Duration::from_secs(now.saturating_sub(at).into()),
            None => Duration::MAX,
        }
    }

    pub fn is_old(&self, table_age: Duration) -> bool {
        table_age > USABLE_FOR
    }

    /// The mark of an entry that the origin may serve from memory.
    pub fn found(&self, state: &State, min_seq: Option<u8>) -> Option<(OriginEntry, Mark)> {
        let cached = state.origin.cached?;
        let age = Duration::from_secs((state.now - cached.since).into());
        let table_age = self.table_age(state.now, state.origin.complete_at);
        if is_clamped(self.resource(), age, table_age) {
            return None;
        }
        let snapshot = &state.origin.table.snapshot;
        let mark = snapshot.raised(Mark::from_bits(cached.mark), &self.tags)?;
        let is_enough = min_seq.is_none_or(|least| mark.seq() >= Seq(least.into()));

        is_enough.then_some((cached, mark))
    }

    pub fn stamp_of_fill(&self, state: &State, index: Index) -> u8 {
        if self.lacks(Mutant::HeadIsTheStamp) && index.restore == state.store.restore {
            return state.store.begun();
        }
        if self.lacks(Mutant::StampPassesTheRow) {
            return index.position;
        }
        let source = stamp(index.log, index.position);
        let read = state.origin.table.snapshot.stamp_of_read(Some(source));

        small(read.expect("the source gave one").seq)
    }

    pub fn late_stamp(&self, state: &State, index: Index, stamp: u8) -> u8 {
        let same = state.origin.index.restore == index.restore;
        if self.lacks(Mutant::StampIsLate) && same { state.origin.index.position } else { stamp }
    }

    /// A fill as an entry, and under which mark it may be kept.
    pub fn filled(
        &self,
        state: &State,
        before: &Table,
        data: Data,
        log: u8,
        seq: u8,
        since: u16,
    ) -> (OriginEntry, Option<Mark>) {
        let era = before.snapshot.era();
        let mark = match before.stamp() {
            Some((of, _)) if of == log => Mark::new(era, Seq(seq.into())),
            _ => Mark::COLD,
        };
        let cached = OriginEntry { data, log, seq, mark: mark.bits(), since };
        let mut versions = NamedVersions::default();
        let pending = state.origin.pending.as_ref().map(|pending| pending.next.rows());
        let rows = state.origin.table.rows().chain(pending.into_iter().flatten());
        rows.for_each(|row| versions.take(&row));
        let read = Some(u64::from(data.versions[0]));
        let is_current =
            self.lacks(Mutant::FillIsNotChecked) || versions.are_seen_by("first", read);
        let now = &state.origin.table.snapshot;
        let admitted = if self.lacks(Mutant::FillIsNotJudged) {
            now.position().map(|position| Mark::new(now.era(), position.max(mark.seq())))
        } else {
            now.admitted(&before.snapshot, mark, &self.tags)
        };

        (cached, is_current.then_some(admitted).flatten())
    }

    /// When the index was as it was read, and whether that is too long ago to answer with.
    pub fn read_since(&self, state: &State, before: &Table, since: u16) -> (u16, bool) {
        let table_age = self.table_age(since, state.origin.complete_at);
        let source_age = source_age(true, table_age);
        let known = before.stamp().is_some();
        let since = since.saturating_sub(source_age.as_secs().try_into().unwrap_or_default());
        let age = Duration::from_secs((state.now - since).into());
        let table_age = self.table_age(state.now, state.origin.complete_at);

        (since, known && is_clamped(self.resource(), age, table_age))
    }

    pub fn stays_at_origin(&self, old: &OriginEntry, mark: Mark) -> bool {
        !self.lacks(Mutant::LowerStampReplaces) && Mark::from_bits(old.mark).outranks(mark)
    }

    pub fn answer(&self, state: &State, cached: &OriginEntry, is_behind: bool) -> Answer {
        let known_at = small(Mark::from_bits(cached.mark).seq()).max(cached.seq);

        let seen = state.origin.table.snapshot.table().and_then(TagTable::row);
        Answer { data: cached.data, log: cached.log, seq: known_at, seen, is_behind }
    }

    // The edge.

    pub fn log_age(&self, state: &State) -> LogAge {
        LogAge(self.table_age(state.now, state.edge.complete_at))
    }

    pub fn wants_the_log_first(&self, state: &State) -> bool {
        self.log_age(state).usage() == LogUse::RefreshFirst
    }

    fn entry(&self, kept: &EdgeEntry) -> edge_core::EntryMeta {
        edge_core::EntryMeta {
            resource: self.resource(),
            stamp: stamp(kept.log, kept.seq),
            tags: Box::new(self.tags),
            stored_at: Timestamp::from_millis(u64::from(kept.since) * 1_000),
            initial_age: Duration::ZERO,
            ttl: self.entry_ttl,
        }
    }

    pub fn verdict(&self, kept: &EdgeEntry, table: &Snapshot) -> Verdict {
        let judged = kept.judged.map(|seq| Seq(seq.into()));

        decision::verdict(&self.entry(kept), judged, table.table())
    }

    pub fn used(&self, state: &State, kept: &EdgeEntry) -> Use {
        let now = Timestamp::from_millis(u64::from(state.now) * 1_000);
        let entry = self.entry(kept);
        let mut verdict = self.verdict(kept, &state.edge.table.snapshot);
        let is_stale = entry.age(now) >= self.entry_ttl;
        if self.lacks(Mutant::StaleServesInvalid) && is_stale && verdict == Verdict::Invalid {
            verdict = Verdict::Valid;
        }

        match decision::decide(&entry, verdict, self.log_age(state), now) {
            Decision::Serve(_) | Decision::ServeAndRefresh(_) => {
                Use::Serves { is_blind: self.wants_the_log_first(state) }
            }
            Decision::Fetch(plan) => {
                let may_serve_stale =
                    plan.may_serve_stale || self.lacks(Mutant::ErrorShowsHardInvalidated);
                Use::Asks { may_serve_stale }
            }
        }
    }

    /// Whether the entry may still be served stale, once the origin has failed.
    pub fn may_still_serve_stale(&self, state: &State, kept: &EdgeEntry) -> bool {
        let verdict = self.verdict(kept, &state.edge.table.snapshot);

        verdict != Verdict::HardInvalidated || self.lacks(Mutant::ErrorShowsHardInvalidated)
    }

    pub fn least(&self, state: &State, token: Option<u8>) -> Option<u8> {
        let table = state.edge.table.snapshot.table();
        let tags: &[TagHash] = if state.edge.kept.is_some() { &self.tags } else { &self.known };

        table.map(|table| small(table.required(tags))).max(token)
    }

    pub fn received(&self, state: &State, ask: &Ask, answer: &Answer) -> Reception {
        if self.lacks(Mutant::AnswerIsNotJudged) {
            return Reception::Store;
        }
        let table = state.edge.table.snapshot.table();

        decision::receive(&stamp(answer.log, answer.seq), &self.tags, table, ask.again)
    }

    pub fn stays_at_edge(&self, state: &State, old: &EdgeEntry, answer: &Answer) -> bool {
        let verdict = self.verdict(old, &state.edge.table.snapshot);

        !self.lacks(Mutant::LowerStampReplaces)
            && decision::is_outranked(&stamp(answer.log, answer.seq), &self.entry(old), verdict)
    }
}

/// The rows, and empty ones in the gaps before them.
fn filled_up(position: Seq, rows: &[ChangeRow]) -> Vec<ChangeRow> {
    let last = rows.iter().map(|row| row.seq.0).max().unwrap_or_default();

    (position.0 + 1..=last)
        .map(|seq| {
            let found = rows.iter().find(|row| row.seq.0 == seq).cloned();
            found.unwrap_or_else(|| row(seq as u8, MADE_UP))
        })
        .collect()
}

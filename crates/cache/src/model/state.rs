//! The whole of one moment: small, comparable, and cheap to copy.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use domain::changes::Poll;
use domain::{
    Change, ChangeRow, LogId, RowDigest, RowId, Seq, Stamp, Standing, Tag, TagTable, Timestamp,
};

use super::scenario::Scenario;
use crate::changes::Changes;
use crate::snapshot::Snapshot;

/// The two writers, by what they write. The tag of the first is known from the URL; the second's is
/// known from the answer alone, and its row is hard.
pub const WRITERS: [usize; 2] = [0, 1];
pub const TAGS: [Tag; 2] = [Tag::FEATURED, Tag::PRODUCTS];
const ENTITIES: [&str; 2] = ["first", "second"];
const LOGS: [&str; 2] = ["L", "M"];
/// Stands for a row that a mutant made up.
pub const MADE_UP: u8 = 3;
const OF_ANOTHER_STORE: u8 = 10;

/// What an answer is made of: which store's, and each writer's entity in its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Data {
    pub restore: u8,
    pub versions: [u8; 2],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Write {
    /// 0 before it is committed.
    pub seq: u8,
    pub row_shows: bool,
    pub item_shows: bool,
    pub acked_at: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Store {
    pub restore: u8,
    /// The log's name. A store that is put back in silence has the old one.
    pub log: u8,
    pub is_put_back: bool,
    /// See [`Scenario::keeps_name`].
    pub keeps_name: bool,
    pub restored_at: u16,
    pub floor: u8,
    pub writes: [Write; 2],
    /// The seqs of the log before the restore.
    pub past: [u8; 2],
}

/// A tier's table. Its rows say all of it, so they stand for it where states are compared.
#[derive(Clone, Debug)]
pub struct Table {
    pub snapshot: Rc<Snapshot>,
    key: Key,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    era: u16,
    /// Log, floor, start.
    known: Option<(u8, u64, u8)>,
    position: u64,
    rows: [u8; 2],
    row: Option<RowDigest>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Index {
    pub restore: u8,
    pub log: u8,
    pub position: u8,
    pub second: u8,
}

/// A page that the index has taken and the table has not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pending {
    pub next: Table,
    pub complete_at: Option<u16>,
}

/// What a tier remembers of its polls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Polling {
    /// The log's head was below the position.
    pub was_ahead: bool,
    /// Since the store was put back, up to two.
    pub since_put_back: u8,
}

/// An entry in the origin's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OriginEntry {
    pub data: Data,
    pub log: u8,
    pub seq: u8,
    pub mark: u64,
    pub since: u16,
}

/// An entry at the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EdgeEntry {
    pub data: Data,
    pub log: u8,
    pub seq: u8,
    pub judged: Option<u8>,
    pub since: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    pub index: Index,
    pub table: Table,
    pub complete_at: Option<u16>,
    pub pending: Option<Pending>,
    pub cached: Option<OriginEntry>,
    pub polling: Polling,
    pub has_log: bool,
    pub is_up: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    pub table: Table,
    pub complete_at: Option<u16>,
    pub kept: Option<EdgeEntry>,
    /// What an answer has named and the next poll shows to the log.
    pub seen: Option<RowId>,
    pub polling: Polling,
    pub has_log: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ask {
    pub min_seq: Option<u8>,
    /// The write of the reader's own: log and seq.
    pub token: Option<(u8, u8)>,
    pub again: bool,
    pub may_serve_stale: bool,
    /// Where the edge was when it asked: log and position.
    pub at: Option<(u8, u8)>,
    pub since: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fill {
    pub is_behind: bool,
    pub index: Index,
    pub stamp: u8,
    pub before: Table,
    /// The first entity's version, once it was read.
    pub first: Option<u8>,
    pub reads: u8,
    pub since: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Answer {
    pub data: Data,
    pub log: u8,
    pub seq: u8,
    /// The newest row that the origin had taken.
    pub seen: Option<RowId>,
    /// The origin could not bring its log to what was asked for.
    pub is_behind: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reader {
    Idle,
    Asks(Ask),
    Fills(Ask, Fill),
    Holds(Ask, Answer),
    Done,
}

/// What of a scenario has not happened yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Left {
    pub ticks: u8,
    pub freezes: u8,
    pub outages: u8,
    pub restores: u8,
    pub compactions: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub now: u16,
    pub store: Store,
    pub origin: Origin,
    pub edge: Edge,
    pub readers: [Reader; 2],
    pub left: Left,
}

pub fn log_id(restore: u8) -> LogId {
    LogId::new(LOGS[restore as usize]).expect("letters")
}

pub fn stamp(log: u8, seq: u8) -> Stamp {
    Stamp { log: log_id(log), seq: Seq(seq.into()) }
}

pub fn log_of(stamp: &Stamp) -> u8 {
    u8::from(stamp.log.as_str() != LOGS[0])
}

pub fn small(seq: Seq) -> u8 {
    u8::try_from(seq.0).expect("few rows")
}

/// What a writer's row is called, by the store that it was written to.
pub const fn content(writer: usize, restore: u8) -> u8 {
    writer as u8 + 1 + OF_ANOTHER_STORE * restore
}

pub fn row(seq: u8, what: u8) -> ChangeRow {
    let (restore, what) = (what / OF_ANOTHER_STORE, what % OF_ANOTHER_STORE);
    let writer = WRITERS.into_iter().find(|writer| *writer as u8 + 1 == what);

    ChangeRow {
        seq: Seq(seq.into()),
        at: Timestamp::from_millis(restore.into()),
        tags: writer.map(|writer| TAGS[writer].clone()).into_iter().collect(),
        changes: writer.map(|writer| Change::to(ENTITIES[writer], 2)).into_iter().collect(),
        hard: writer == Some(1),
    }
}

pub fn writer_of(row: &ChangeRow) -> Option<usize> {
    WRITERS.into_iter().find(|writer| row.tags.contains(&TAGS[*writer]))
}

/// What [`row`] was made of.
pub fn content_of(row: &ChangeRow) -> u8 {
    writer_of(row).map_or(MADE_UP, |writer| content(writer, row.at.as_millis() as u8))
}

impl Store {
    pub fn begun(&self) -> u8 {
        self.writes.iter().map(|write| write.seq).max().unwrap_or_default()
    }

    /// The version in which a strongly consistent read finds an entity now.
    pub fn version(&self, writer: usize) -> u8 {
        1 + u8::from(self.writes[writer].item_shows)
    }

    /// The digest of the row that stands at a place.
    fn digest_at(&self, seq: Seq) -> Option<RowDigest> {
        let stands = |writer: &usize| {
            let write = self.writes[*writer];
            write.row_shows && Seq(write.seq.into()) == seq
        };
        let writer = WRITERS.into_iter().find(stands)?;

        Some(row(small(seq), content(writer, self.restore)).digest())
    }

    /// Whether everything up to this row is in this store, whatever its log is called by now.
    pub fn holds(&self, row: &RowId) -> bool {
        row.seq == Seq::ZERO || self.digest_at(row.seq) == Some(row.digest)
    }

    /// Whether a poller has seen what is not in this store.
    pub fn has_undone(&self, poll: &Poll) -> bool {
        let (log, formerly) = (log_id(self.log), [log_id(0)]);
        let head = Seq(self.begun().into());
        let standing = Standing { log: &log, formerly: &formerly, head };
        let seen = poll.row_at_position();

        seen.iter()
            .chain(&poll.seen)
            .any(|seen| standing.has_undone(seen, self.digest_at(seen.seq)))
    }

    pub fn changes(&self, after: Option<&Stamp>) -> Changes {
        let of_this_log = after.filter(|after| log_of(after) == self.log);
        let from = of_this_log.map(|after| small(after.seq));
        let at = match after {
            Some(_) => of_this_log.map(|after| after.seq),
            None => Some(Seq(self.begun().into())),
        };
        let mut rows: Vec<_> = WRITERS
            .into_iter()
            .filter(|writer| self.writes[*writer].row_shows)
            .filter(|writer| from.is_some_and(|from| self.writes[*writer].seq > from))
            .filter(|writer| self.writes[*writer].seq > self.floor)
            .map(|writer| row(self.writes[writer].seq, content(writer, self.restore)))
            .collect();
        rows.sort_by_key(|row| row.seq);

        Changes {
            log: log_id(self.log),
            floor: Seq(self.floor.into()),
            head: Seq(self.begun().into()),
            rows,
            row: at.and_then(|at| self.digest_at(at)),
            tags: None,
            flags: None,
        }
    }

    /// Up to where everything shows.
    pub fn settled(&self) -> u8 {
        let shows = |seq: u8| {
            let write = self.writes.iter().find(|write| write.seq == seq);
            write.is_some_and(|write| write.row_shows && write.item_shows)
        };

        (1..=self.begun()).take_while(|seq| shows(*seq)).last().unwrap_or_default()
    }
}

impl Table {
    pub fn cold(era: u16) -> Self {
        Self::of(Snapshot::cold(era), [0; 2], 0)
    }

    pub fn of(snapshot: Snapshot, rows: [u8; 2], start: u8) -> Self {
        let known = snapshot.table().map(|table| (log_of(&table.stamp()), table.floor().0, start));
        let position = snapshot.position().map_or(0, |seq| seq.0);
        let row = snapshot.table().and_then(TagTable::row).map(|row| row.digest);
        let key = Key { era: snapshot.era(), known, position, rows, row };

        Self { snapshot: Rc::new(snapshot), key }
    }

    /// Of a log that has no row yet.
    pub fn at_first() -> Self {
        let nothing = Store::default().changes(None);

        Self::of(Snapshot::cold(0).begun(&stamp(0, 0), &nothing), [0; 2], 0)
    }

    /// After rows, of which the shipped code has made the next snapshot.
    pub fn moved(&self, rows: &[ChangeRow], snapshot: Snapshot) -> Self {
        let mut taken = self.key.rows;
        for row in rows {
            taken[row.seq.0 as usize - 1] = content_of(row);
        }

        Self::of(snapshot, taken, self.key.known.map_or(0, |(_, _, start)| start))
    }

    pub fn stamp(&self) -> Option<(u8, u8)> {
        self.snapshot.stamp().map(|stamp| (log_of(&stamp), small(stamp.seq)))
    }

    /// The rows that were taken, with their seqs.
    pub fn rows(&self) -> impl Iterator<Item = ChangeRow> {
        let rows = self.key.rows;

        (1..=2).map(move |seq| row(seq, rows[seq as usize - 1])).filter(|row| !row.tags.is_empty())
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Table {}

impl Hash for Table {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.key.hash(hasher);
    }
}

impl State {
    pub fn first(scenario: &Scenario) -> Self {
        let table = Table::at_first();
        let blind = scenario.is_blind;
        let reader = |n| if n < scenario.readers { Reader::Idle } else { Reader::Done };

        Self {
            now: 0,
            store: Store { keeps_name: scenario.keeps_name, ..Store::default() },
            origin: Origin {
                index: Index { restore: 0, log: 0, position: 0, second: 1 },
                table: table.clone(),
                complete_at: Some(0),
                pending: None,
                cached: None,
                polling: Polling::default(),
                has_log: true,
                is_up: true,
            },
            edge: Edge {
                table: if blind { Table::cold(0) } else { table },
                complete_at: (!blind).then_some(0),
                kept: None,
                seen: None,
                polling: Polling::default(),
                has_log: !blind,
            },
            readers: [reader(0), reader(1)],
            left: Left {
                ticks: scenario.ticks,
                freezes: scenario.freezes,
                outages: scenario.outages,
                restores: scenario.restores,
                compactions: scenario.compactions,
            },
        }
    }
}

//! The one rule by which every tier judges what it has cached.
//!
//! Every committed catalogue write appends a row to the change log; a cached answer carries its
//! tags and a stamp, the log's position before the data was read. It is valid while no row after
//! the stamp names one of its tags.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    CategoryId, CollectionId, Entity, LogId, ProductId, RowDigest, RowId, Slug, Timestamp,
};

/// A place in the change log; the first row is 1, and rows are dense.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// `{log}.{seq}`: everything up to `seq` of `log` is in the data that carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Stamp {
    pub log: LogId,
    pub seq: Seq,
}

impl TryFrom<String> for Stamp {
    type Error = InvalidStamp;

    fn try_from(text: String) -> Result<Self, InvalidStamp> {
        text.parse()
    }
}

impl From<Stamp> for String {
    fn from(stamp: Stamp) -> Self {
        stamp.to_string()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a log position ({{log}}.{{seq}})")]
pub struct InvalidStamp;

/// What an answer was made of, in one word: `product:prod_…`, `category:cat_…`, `categories`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tag(Cow<'static, str>);

/// A tag as the tables hold it. Two tags with one hash cost a needless miss, never a stale answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagHash(pub u64);

/// An entity that a write left at `version`: `{"entity":"prod_…","version":8}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub entity: Entity,
    pub version: u64,
    /// It was deleted: a read that still finds it came too early.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

/// One row of the change log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRow {
    pub seq: Seq,
    pub at: Timestamp,
    pub tags: Vec<Tag>,
    pub changes: Vec<Change>,
    /// Something was taken from the public (delete, unpublish): not even a failing origin may let
    /// an answer from before it be shown again.
    #[serde(default)]
    pub hard: bool,
}

/// The last row that named each tag, as far as one tier has read the log.
#[derive(Clone, Debug)]
pub struct TagTable {
    log: LogId,
    position: Seq,
    floor: Seq,
    last: HashMap<TagHash, Last, BuildHasherDefault<TagHasher>>,
    capacity: usize,
    /// Of the last rows up to the position, as far as they were seen.
    digests: VecDeque<RowDigest>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    seq: Seq,
    hard: Seq,
}

/// A row can't be applied: rows between it and the table's position are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {found:?} does not follow {position:?}")]
pub struct Gap {
    pub position: Seq,
    pub found: Seq,
}

/// What the rule says of a cached answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Valid,
    /// A later row names one of its tags.
    Invalid,
    /// And one of those rows is hard.
    HardInvalidated,
}

/// As many tags as §5 of the protocol allows a follower; 10,000 take about 400 KB.
pub const TAGS_MAX: usize = 10_000;
/// Rows whose digests a table remembers, to tell what others keep of this log from what they keep
/// of one that was undone: an hour of a write a second, in 32 KB.
const DIGESTS_MAX: usize = 4_096;

impl Seq {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Tag {
    pub const CATALOG: Self = Self(Cow::Borrowed("catalog"));
    pub const PRODUCTS: Self = Self(Cow::Borrowed("products"));
    pub const CATEGORIES: Self = Self(Cow::Borrowed("categories"));
    pub const FEATURED: Self = Self(Cow::Borrowed("featured"));
    pub const BESTSELLERS: Self = Self(Cow::Borrowed("bestsellers"));
    pub const FLAGS: Self = Self(Cow::Borrowed("flags"));

    pub fn product(id: ProductId) -> Self {
        Self(format!("product:{id}").into())
    }

    pub fn slug(slug: &Slug) -> Self {
        Self(format!("slug:{slug}").into())
    }

    pub fn category(id: CategoryId) -> Self {
        Self(format!("category:{id}").into())
    }

    pub fn collection(id: CollectionId) -> Self {
        Self(format!("collection:{id}").into())
    }

    pub fn bestsellers(category: CategoryId) -> Self {
        Self(format!("bestsellers:{category}").into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn hash(&self) -> TagHash {
        TagHash::of(&self.0)
    }
}

impl TagHash {
    pub fn of(tag: &str) -> Self {
        Self(xxh3_64(tag.as_bytes()))
    }
}

impl Change {
    pub fn to(entity: impl Into<Entity>, version: u64) -> Self {
        Self { entity: entity.into(), version, gone: false }
    }

    pub fn gone(entity: impl Into<Entity>, version: u64) -> Self {
        Self { entity: entity.into(), version, gone: true }
    }

    /// Whether a read that found `version` (`None`: nothing) has seen this change.
    pub const fn is_seen_by(&self, version: Option<u64>) -> bool {
        Self::is_seen(self.version, self.gone, version)
    }

    /// The same for a change whose entity is known from elsewhere.
    pub const fn is_seen(version: u64, gone: bool, found: Option<u64>) -> bool {
        match found {
            Some(found) => !gone && found >= version,
            None => gone,
        }
    }
}

impl Verdict {
    pub const fn is_valid(self) -> bool {
        matches!(self, Self::Valid)
    }
}

impl TagTable {
    /// A table that knows nothing before `position`: whatever was stamped earlier is invalid.
    pub fn starting_at(log: LogId, position: Seq) -> Self {
        Self {
            log,
            position,
            floor: position,
            last: HashMap::default(),
            capacity: TAGS_MAX,
            digests: VecDeque::new(),
        }
    }

    /// A table from a compacted map: complete from `floor` to `position`. The map does not say
    /// which rows were hard, so each counts as one.
    pub fn restored(
        log: LogId,
        position: Seq,
        floor: Seq,
        last: impl IntoIterator<Item = (TagHash, Seq)>,
    ) -> Self {
        let last = last.into_iter().map(|(tag, seq)| (tag, Last { seq, hard: seq })).collect();

        Self { log, position, floor, last, capacity: TAGS_MAX, digests: VecDeque::new() }
    }

    #[must_use]
    pub fn with_capacity(mut self, tags: usize) -> Self {
        self.capacity = tags;
        self
    }

    /// With the digest of the row at the position, where the log told it.
    #[must_use]
    pub fn standing_on(mut self, row: Option<RowDigest>) -> Self {
        self.digests = row.into_iter().collect();
        self
    }

    /// Takes the next row. A row at or below the position was taken before and changes nothing.
    pub fn apply(&mut self, row: &ChangeRow) -> Result<(), Gap> {
        if row.seq <= self.position {
            return Ok(());
        }
        if row.seq != self.position.next() {
            return Err(Gap { position: self.position, found: row.seq });
        }

        for tag in &row.tags {
            let last =
                self.last.entry(tag.hash()).or_insert(Last { seq: row.seq, hard: Seq::ZERO });
            last.seq = row.seq;
            if row.hard {
                last.hard = row.seq;
            }
        }
        self.position = row.seq;
        if self.digests.len() == DIGESTS_MAX {
            self.digests.pop_front();
        }
        self.digests.push_back(row.digest());
        if self.last.len() > self.capacity {
            self.forget_older_half();
        }
        Ok(())
    }

    /// Whatever is stamped below `floor` is invalid from now on: its rows are no longer kept.
    pub fn raise_floor(&mut self, floor: Seq) {
        self.floor = self.floor.max(floor);
    }

    pub fn judge(&self, stamp: &Stamp, tags: &[TagHash]) -> Verdict {
        if stamp.log != self.log {
            return Verdict::HardInvalidated;
        }
        self.judge_seq(stamp.seq, tags)
    }

    /// [`TagTable::judge`] for a stamp that is known to be of this table's log.
    pub fn judge_seq(&self, stamp: Seq, tags: &[TagHash]) -> Verdict {
        if stamp < self.floor {
            // Which rows lay between is forgotten, and one of them may have been hard.
            return Verdict::HardInvalidated;
        }
        let mut verdict = Verdict::Valid;

        for last in tags.iter().filter_map(|tag| self.last.get(tag)) {
            if stamp < last.hard {
                return Verdict::HardInvalidated;
            }
            if stamp < last.seq {
                verdict = Verdict::Invalid;
            }
        }
        verdict
    }

    /// What an answer with these tags must at least be stamped to be valid.
    pub fn required(&self, tags: &[TagHash]) -> Seq {
        let named = tags.iter().filter_map(|tag| self.last.get(tag)).map(|last| last.seq).max();

        named.unwrap_or(Seq::ZERO).max(self.floor)
    }

    /// The row at the position, if it was seen.
    pub fn row(&self) -> Option<RowId> {
        let digest = self.digest_at(self.position)?;

        Some(RowId { log: self.log.clone(), seq: self.position, digest })
    }

    /// The digest of a row that this table has taken; `None` if it has not, or has forgotten.
    pub fn digest_at(&self, seq: Seq) -> Option<RowDigest> {
        // Every log begins with nothing.
        if seq == Seq::ZERO {
            return Some(RowDigest::OF_NOTHING);
        }
        let back = usize::try_from(self.position.0.checked_sub(seq.0)?).ok()?;

        self.digests.len().checked_sub(back + 1).map(|at| self.digests[at])
    }

    /// Whether this table has taken this very row: what others keep that holds everything up to
    /// there is of the same past.
    pub fn has_taken(&self, row: &RowId) -> bool {
        row.log == self.log && self.digest_at(row.seq) == Some(row.digest)
    }

    pub fn stamp(&self) -> Stamp {
        Stamp { log: self.log.clone(), seq: self.position }
    }

    pub fn log(&self) -> &LogId {
        &self.log
    }

    pub const fn position(&self) -> Seq {
        self.position
    }

    pub const fn floor(&self) -> Seq {
        self.floor
    }

    /// Forgets the tags that were named longest ago; the floor then stands for them.
    fn forget_older_half(&mut self) {
        let mut seqs: Vec<_> = self.last.values().map(|last| last.seq).collect();
        let middle = seqs.len() / 2;
        let (_, cut, _) = seqs.select_nth_unstable(middle);
        let cut = *cut;

        self.last.retain(|_, last| last.seq > cut);
        self.raise_floor(cut);
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.log, self.seq)
    }
}

impl FromStr for Stamp {
    type Err = InvalidStamp;

    fn from_str(text: &str) -> Result<Self, InvalidStamp> {
        let (log, seq) = text.rsplit_once('.').ok_or(InvalidStamp)?;

        Ok(Self { log: LogId::new(log)?, seq: Seq(seq.parse().map_err(|_| InvalidStamp)?) })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A [`TagHash`] is a hash already.
#[derive(Clone, Copy, Debug, Default)]
struct TagHasher(u64);

impl Hasher for TagHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(seq: u64, tags: &[&'static str], hard: bool) -> ChangeRow {
        ChangeRow {
            seq: Seq(seq),
            at: Timestamp::default(),
            tags: tags.iter().map(|tag| Tag(Cow::Borrowed(tag))).collect(),
            changes: Vec::new(),
            hard,
        }
    }

    fn table() -> TagTable {
        TagTable::starting_at(LogId::new("L").unwrap(), Seq(10))
    }

    const A: &[&str] = &["a"];

    fn hashes(tags: &[&str]) -> Vec<TagHash> {
        tags.iter().map(|tag| TagHash::of(tag)).collect()
    }

    #[test]
    fn an_answer_is_valid_until_a_later_row_names_one_of_its_tags() {
        let mut table = table();
        table.apply(&row(11, &["b"], false)).unwrap();
        assert_eq!(table.judge_seq(Seq(10), &hashes(A)), Verdict::Valid);

        table.apply(&row(12, &["a"], false)).unwrap();

        assert_eq!(table.judge_seq(Seq(11), &hashes(A)), Verdict::Invalid);
        assert_eq!(table.judge_seq(Seq(12), &hashes(A)), Verdict::Valid);
    }

    #[test]
    fn a_position_never_passes_a_gap() {
        let mut table = table();

        assert_eq!(
            table.apply(&row(12, &["a"], false)),
            Err(Gap { position: Seq(10), found: Seq(12) })
        );
        assert_eq!(table.position(), Seq(10));
    }

    #[test]
    fn a_row_that_comes_twice_changes_nothing() {
        let mut table = table();
        table.apply(&row(11, &["a"], false)).unwrap();

        table.apply(&row(11, &["b"], true)).unwrap();

        assert_eq!(table.judge_seq(Seq(10), &hashes(&["b"])), Verdict::Valid);
    }

    #[test]
    fn what_a_hard_row_covers_is_withdrawn_even_after_a_soft_one() {
        let mut table = table();
        table.apply(&row(11, A, true)).unwrap();
        table.apply(&row(12, A, false)).unwrap();

        assert_eq!(table.judge_seq(Seq(10), &hashes(A)), Verdict::HardInvalidated);
        assert_eq!(table.judge_seq(Seq(11), &hashes(A)), Verdict::Invalid);
    }

    #[test]
    fn an_answer_of_another_log_or_below_the_floor_is_withdrawn() {
        let table = table();
        let foreign = Stamp { log: LogId::new("M").unwrap(), seq: Seq(99) };

        assert_eq!(table.judge(&foreign, &[]), Verdict::HardInvalidated);
        assert_eq!(table.judge_seq(Seq(9), &[]), Verdict::HardInvalidated);
    }

    #[test]
    fn a_stamp_reads_back_as_it_was_printed() {
        let stamp = Stamp { log: LogId::new("01JD").unwrap(), seq: Seq(7) };

        assert_eq!(stamp.to_string(), "01JD.7");
        assert_eq!("01JD.7".parse(), Ok(stamp));
        for text in ["", "7", ".7", "a.", "a.-1", "a b.1", "é.1"] {
            assert_eq!(text.parse::<Stamp>(), Err(InvalidStamp), "{text}");
        }
    }

    #[test]
    fn a_row_that_was_taken_is_told_from_another_at_its_place() {
        let id = |seq, digest| RowId { log: LogId::new("L").unwrap(), seq: Seq(seq), digest };
        let [first, second] = [row(11, A, false), row(12, A, false)];
        let another = row(12, A, true);
        let mut table = table();
        assert_eq!(table.row(), None);
        let empty = TagTable::starting_at(LogId::new("L").unwrap(), Seq::ZERO);
        assert!(empty.row().is_some_and(|nothing| table.has_taken(&nothing)));

        table.apply(&first).unwrap();
        table.apply(&second).unwrap();

        assert!(table.has_taken(&id(11, first.digest())));
        assert!(table.has_taken(&id(12, second.digest())));
        assert!(!table.has_taken(&id(12, another.digest())), "another row");
        assert!(!table.has_taken(&id(10, first.digest())), "it was never seen");
        assert!(!table.has_taken(&id(13, first.digest())), "it is still to come");
        assert_eq!(table.row(), Some(id(12, second.digest())));
    }

    proptest! {
        /// However few tags the table may hold, it never calls an answer valid that a table
        /// without a bound calls invalid.
        #[test]
        fn a_full_table_forgets_towards_invalid(
            rows in prop::collection::vec((0..50_usize, any::<bool>()), 1..200),
            capacity in 1..20_usize,
            stamp in 10..210_u64,
            asked in 0..50_usize,
        ) {
            let names: Vec<String> = (0..50).map(|n| format!("t{n}")).collect();
            let mut full = table();
            let mut small = table().with_capacity(capacity);
            for (at, (tag, hard)) in rows.iter().enumerate() {
                let row = ChangeRow {
                    tags: vec![Tag(names[*tag].clone().into())],
                    ..row(11 + at as u64, &[], *hard)
                };
                full.apply(&row).unwrap();
                small.apply(&row).unwrap();
            }

            let tags = [TagHash::of(&names[asked])];
            if small.judge_seq(Seq(stamp), &tags).is_valid() {
                prop_assert!(full.judge_seq(Seq(stamp), &tags).is_valid());
            }
            prop_assert!(small.last.len() <= capacity);
        }
    }
}

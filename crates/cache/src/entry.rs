//! What a cache keeps, what a fill hands it, and what a reader gets.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use domain::{LogId, Resource, Seq, Stamp, Tag, TagHash};
use tokio::time::Instant;

use crate::follower::USABLE_FOR;
use crate::mark::Mark;

/// The memory that a value takes, by which a cache is bounded.
pub trait Weigh {
    fn size_bytes(&self) -> usize;
}

/// What a fill read.
#[derive(Clone, Debug)]
pub struct Filled<V> {
    pub value: V,
    pub resource: Resource,
    pub tags: Box<[TagHash]>,
    /// Each entity that was read, and in which version it was found, if at all.
    pub read: Vec<(String, Option<u64>)>,
    /// The position that the source itself gives its answer; `None`: the one before the fill.
    pub stamp: Option<Stamp>,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This process's memory.
    Memory,
    /// The cache that processes share.
    Shared,
    /// The source, by this call or by another one that was under way.
    Source,
}

/// A value, and how far it is known to be current.
#[derive(Clone, Debug)]
pub struct Answer<V> {
    pub(crate) entry: Arc<Entry<V>>,
    pub(crate) seq: Seq,
    pub origin: Origin,
    /// It is in the cache now, so the next reader may have it.
    pub is_stored: bool,
    /// A min-seq was asked for that the log could not be brought to.
    pub is_behind: bool,
}

#[derive(Debug)]
pub(crate) struct Entry<V> {
    pub(crate) value: V,
    pub(crate) resource: Resource,
    pub(crate) tags: Box<[TagHash]>,
    /// `None`: read while nothing was known of the log.
    pub(crate) log: Option<LogId>,
    /// The stamp's place in `log`.
    pub(crate) read_at: Seq,
    /// Raised whenever the entry is judged valid at a later position; cold, if it never was.
    pub(crate) mark: AtomicU64,
    /// When the read of its value began.
    pub(crate) read_since: Instant,
    pub(crate) lifetime: Duration,
}

/// What an entry takes beside its key, tags and value: the two allocations and the cache's own.
const OVERHEAD_BYTES: usize = 256;

impl<V> Filled<V> {
    pub fn new<'a>(value: V, resource: Resource, tags: impl IntoIterator<Item = &'a Tag>) -> Self {
        let tags = tags.into_iter().map(Tag::hash).collect();

        Self { value, resource, tags, read: Vec::new(), stamp: None }
    }

    /// Names an entity that was read: the log may know of a newer version.
    #[must_use]
    pub fn reading(mut self, entity: impl Into<String>, version: Option<u64>) -> Self {
        self.read.push((entity.into(), version));
        self
    }

    #[must_use]
    pub fn stamped(mut self, stamp: Stamp) -> Self {
        self.stamp = Some(stamp);
        self
    }
}

impl<V> Answer<V> {
    pub fn value(&self) -> &V {
        &self.entry.value
    }

    pub fn resource(&self) -> Resource {
        self.entry.resource
    }

    /// Everything up to here is in the value; `None` while nothing is known of the log.
    pub fn stamp(&self) -> Option<Stamp> {
        self.entry.log.clone().map(|log| Stamp { log, seq: self.seq })
    }
}

impl<V> Deref for Answer<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.entry.value
    }
}

impl<V> Entry<V> {
    pub(crate) fn mark(&self) -> Mark {
        Mark::from_bits(self.mark.load(Ordering::Acquire))
    }

    /// The position up to which it is known to be current: an entry that is valid at a position
    /// counts as stamped with it.
    pub(crate) fn known_at(&self) -> Seq {
        self.mark().seq().max(self.read_at)
    }

    /// Two readers may raise at once; within an era the higher mark stays.
    pub(crate) fn raise(&self, mark: Mark) {
        self.mark.fetch_max(mark.bits(), Ordering::AcqRel);
    }

    pub(crate) fn age_at(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.read_since)
    }

    /// Whether it is too old to be used with a table of that age. Without the log, later rows are
    /// unknown; how long they can be hidden is bounded by the younger of the two.
    pub(crate) fn is_clamped_at(&self, now: Instant, table_age: Duration) -> bool {
        is_clamped(self.resource, self.age_at(now), table_age)
    }

    pub(crate) fn has_expired_at(&self, now: Instant) -> bool {
        self.age_at(now) >= self.lifetime
    }
}

/// [`Entry::is_clamped_at`] for an entry of this age.
pub(crate) fn is_clamped(resource: Resource, age: Duration, table_age: Duration) -> bool {
    table_age > USABLE_FOR && age.min(table_age) > resource.clamp()
}

/// How old a value is when it has just been read. A source that stamps by itself, an index, follows
/// the same log: without it, the index is as old as the table.
pub(crate) fn source_age(is_stamped: bool, table_age: Duration) -> Duration {
    if is_stamped && table_age > USABLE_FOR { table_age } else { Duration::ZERO }
}

impl<V: Weigh> Entry<V> {
    pub(crate) fn weight(&self, key: &str) -> u32 {
        let tags = size_of_val::<[TagHash]>(&self.tags);
        let bytes = OVERHEAD_BYTES + size_of::<Self>() + key.len() + tags + self.value.size_bytes();

        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

impl Weigh for Bytes {
    fn size_bytes(&self) -> usize {
        self.len()
    }
}

impl<T: Weigh> Weigh for Arc<T> {
    fn size_bytes(&self) -> usize {
        T::size_bytes(self)
    }
}

impl<T: Weigh> Weigh for Option<T> {
    fn size_bytes(&self) -> usize {
        self.as_ref().map_or(0, T::size_bytes)
    }
}

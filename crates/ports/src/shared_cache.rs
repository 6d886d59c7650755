//! The cache that processes share, behind each one's own.

use std::time::Duration;

use async_trait::async_trait;
use domain::{Resource, RowId, Stamp, TagHash};

use crate::PortError;

/// Dumb storage: it judges nothing but which of two entries is newer.
///
/// - `get` answers what the last kept `put_if_newer` of the key put, while its lifetime lasts, or
///   nothing; an entry may be missing at any time.
/// - `put_if_newer` is one atomic step: it keeps the entry already there if that one is of the same
///   log, has a higher stamp and has not expired; whatever it replaces is gone.
/// - A value comes back as it was put, with its tags, its resource, its stamp and its last row.
/// - Every call ends within the adapter's own deadline.
#[async_trait]
pub trait SharedCache<V>: Send + Sync + 'static {
    async fn get(&self, key: &str) -> Result<Option<SharedEntry<V>>, PortError>;

    /// Whether the entry was kept.
    async fn put_if_newer(&self, key: &str, entry: &SharedEntry<V>) -> Result<bool, PortError>;

    /// Whether it answers at all.
    async fn health(&self) -> Result<(), PortError>;
}

#[derive(Clone, Debug, PartialEq)]
pub struct SharedEntry<V> {
    pub value: V,
    pub resource: Resource,
    pub tags: Box<[TagHash]>,
    pub stamp: Stamp,
    /// The newest row that the process that put it had taken by then, so that nothing in it is
    /// newer. A reader that has not taken this row can't know whether it was undone since.
    pub seen: Option<RowId>,
    /// How long it may be used yet: at most the resource's time in the origin's caches, counted
    /// from the fill, however many caches it has passed.
    pub remaining: Duration,
}

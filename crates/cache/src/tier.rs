//! One tier's entries: judged when they are found, and again before they are kept.

use std::collections::hash_map::RandomState;
use std::fmt::{Debug, Display};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use domain::policy::jittered;
use domain::{Resource, Seq};
use moka::ops::compute::{CompResult, Op};
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::entry::{Answer, Entry, Filled, Origin, Weigh};
use crate::follower::Follower;
use crate::mark::Mark;
use crate::metrics::{Metrics, Miss};
use crate::read_through::ReadThroughSettings;
use crate::single_flight::SingleFlight;
use crate::snapshot::Snapshot;
use ports::SharedCache;

pub(crate) struct Tier<V, E: Debug + Display> {
    pub(crate) follower: Follower,
    pub(crate) entries: Cache<Arc<str>, Arc<Entry<V>>>,
    pub(crate) single_flight: Arc<SingleFlight<V, E>>,
    pub(crate) shared: Option<Arc<dyn SharedCache<V>>>,
    pub(crate) fills: Semaphore,
    pub(crate) settings: ReadThroughSettings,
    /// Off, nothing is kept or served from memory; fills are still shared.
    pub(crate) is_on: AtomicBool,
    pub(crate) tickets: AtomicU64,
    pub(crate) jitter: RandomState,
    pub(crate) metrics: Metrics,
}

impl<V, E> Tier<V, E>
where
    V: Clone + Weigh + Send + Sync + 'static,
    E: Debug + Display + Send + Sync + 'static,
{
    pub(crate) fn new(
        follower: Follower,
        settings: ReadThroughSettings,
        shared: Option<Arc<dyn SharedCache<V>>>,
    ) -> Self {
        let entries = Cache::builder()
            .max_capacity(settings.capacity_bytes)
            .weigher(|key: &Arc<str>, entry: &Arc<Entry<V>>| entry.weight(key))
            .build();

        Self {
            follower,
            entries,
            single_flight: SingleFlight::new(),
            shared,
            fills: Semaphore::new(settings.fills_max.max(1)),
            settings,
            is_on: AtomicBool::new(true),
            tickets: AtomicU64::new(0),
            jitter: RandomState::new(),
            metrics: Metrics::new(),
        }
    }

    pub(crate) fn ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::AcqRel)
    }

    /// The entry in memory, if it may be served as it is; counted as a hit.
    pub(crate) fn find(
        &self,
        key: &str,
        min_seq: Option<Seq>,
        now: Instant,
        table_age: Duration,
    ) -> Result<Answer<V>, Miss> {
        let found = self.look(key, min_seq, now, table_age)?;

        self.metrics.hits.increment(1);
        Ok(found)
    }

    /// [`Self::find`] without its count.
    pub(crate) fn look(
        &self,
        key: &str,
        min_seq: Option<Seq>,
        now: Instant,
        table_age: Duration,
    ) -> Result<Answer<V>, Miss> {
        if !self.is_on.load(Ordering::Relaxed) {
            return Err(Miss::Off);
        }
        let entry = self.entries.get(key).ok_or(Miss::Absent)?;
        if entry.has_expired_at(now) {
            return Err(Miss::Expired);
        }
        if entry.is_clamped_at(now, table_age) {
            return Err(Miss::Clamped);
        }
        let seq = self.judge(&entry).ok_or(Miss::Invalid)?.seq();
        if min_seq.is_some_and(|least| seq < least) {
            return Err(Miss::Behind);
        }
        Ok(Answer { entry, seq, origin: Origin::Memory, is_stored: true, is_behind: false })
    }

    /// One compare if nothing was written since the entry was last judged.
    fn judge(&self, entry: &Entry<V>) -> Option<Mark> {
        let mark = entry.mark();
        if mark == self.follower.mark() && !mark.is_cold() {
            return Some(mark);
        }
        let raised = self.follower.table().raised(mark, &entry.tags)?;

        entry.raise(raised);
        Some(raised)
    }

    pub(crate) fn entry(
        &self,
        key: &str,
        filled: Filled<V>,
        before: &Snapshot,
        read_since: Instant,
    ) -> Arc<Entry<V>> {
        let stamp = before.stamp_of_read(filled.stamp);
        let read_at = stamp.as_ref().map_or(Seq::ZERO, |stamp| stamp.seq);
        let log = stamp.map(|stamp| stamp.log);
        // Of another log than the follower's it is no mark: its seq can't be compared.
        let mark = match before.table() {
            Some(table) if log.as_ref() == Some(table.log()) => Mark::new(before.era(), read_at),
            _ => Mark::COLD,
        };

        Arc::new(Entry {
            value: filled.value,
            resource: filled.resource,
            tags: filled.tags,
            log,
            read_at,
            mark: AtomicU64::new(mark.bits()),
            read_since,
            lifetime: self.lifetime(key, filled.resource),
        })
    }

    fn lifetime(&self, key: &str, resource: Resource) -> Duration {
        jittered(resource.policy().origin, self.jitter.hash_one((key, self.ticket())))
    }

    pub(crate) fn admit(&self, entry: &Entry<V>, before: &Snapshot) -> Option<Mark> {
        self.follower.table().admitted(before, entry.mark(), &entry.tags)
    }

    /// Stores what was admitted at `mark`, unless what is there is known to be newer.
    pub(crate) fn keep(
        &self,
        key: &Arc<str>,
        entry: &Arc<Entry<V>>,
        mark: Mark,
        min: Option<Seq>,
    ) -> bool {
        let is_behind = min.is_some_and(|least| mark.seq() < least);
        if is_behind || !self.is_on.load(Ordering::Relaxed) {
            return false;
        }
        entry.raise(mark);
        let now = Instant::now();

        let kept = self.entries.entry(Arc::clone(key)).and_compute_with(|old| {
            let is_newer = old
                .map(moka::Entry::into_value)
                .is_some_and(|old| old.mark().outranks(mark) && !old.has_expired_at(now));
            if is_newer { Op::Nop } else { Op::Put(Arc::clone(entry)) }
        });
        matches!(kept, CompResult::Inserted(_) | CompResult::ReplacedWith(_))
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;
    use ports::{PortError, PortErrorKind};

    use super::*;
    use crate::{ChangeLog, Changes, NoSink, Poll};

    struct NoLog;

    #[async_trait]
    impl ChangeLog for NoLog {
        async fn changes(&self, _poll: &Poll) -> Result<Changes, PortError> {
            Err(PortError::new(PortErrorKind::Unavailable, "read the log"))
        }
    }

    fn keep(tier: &Tier<Bytes, &'static str>, text: &'static str, mark: Mark) -> bool {
        let entry = Entry {
            value: Bytes::from_static(text.as_bytes()),
            resource: Resource::Product,
            tags: [].into(),
            log: None,
            read_at: mark.seq(),
            mark: AtomicU64::new(mark.bits()),
            read_since: Instant::now(),
            lifetime: Duration::from_secs(60),
        };

        tier.keep(&"/products/1".into(), &Arc::new(entry), mark, None)
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_is_never_replaced_by_one_of_a_lower_stamp() {
        let follower = Follower::new(Arc::new(NoLog), Arc::new(NoSink));
        let tier: Tier<Bytes, &str> = Tier::new(follower, ReadThroughSettings::default(), None);
        let held = || tier.entries.get("/products/1").map(|entry| entry.value.clone());

        assert!(keep(&tier, "seven", Mark::new(1, Seq(7))));
        assert!(!keep(&tier, "six", Mark::new(1, Seq(6))));
        assert_eq!(held().as_deref(), Some(&b"seven"[..]));
        assert!(keep(&tier, "seven again", Mark::new(1, Seq(7))));

        assert!(keep(&tier, "another log", Mark::new(2, Seq(1))));
        assert_eq!(held().as_deref(), Some(&b"another log"[..]));

        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(keep(&tier, "after its time", Mark::new(2, Seq(0))));
    }
}

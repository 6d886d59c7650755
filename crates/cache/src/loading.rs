//! One fill: from the shared cache, else from the source, read again where it came too early.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::{Seq, Stamp};
use tokio::time::{Instant, sleep};

use crate::entry::{Entry, Filled, Origin, Weigh, source_age};
use crate::mark::Mark;
use crate::metrics::SharedResult;
use crate::single_flight::{LoadError, LoadResult, Loaded};
use crate::snapshot::Snapshot;
use crate::tier::Tier;
use ports::SharedEntry;

/// Reads of the source in one fill: one, and one again for a lagging read or a row that came
/// meanwhile, and one in case of both.
const READS_MAX: u32 = 3;
/// Before reading again what lagged: indexes are milliseconds behind.
const LAG_PAUSE: Duration = Duration::from_millis(10);

impl<V, E> Tier<V, E>
where
    V: Clone + Weigh + Send + Sync + 'static,
    E: Debug + Display + Send + Sync + 'static,
{
    pub(crate) async fn load<F, R>(
        &self,
        key: &Arc<str>,
        min_seq: Option<Seq>,
        fill: &F,
    ) -> LoadResult<V, E>
    where
        F: Fn(Option<Stamp>) -> R,
        R: Future<Output = Result<Filled<V>, E>>,
    {
        if let Some(loaded) = self.find_stored(key, min_seq) {
            return Ok(loaded);
        }
        if let Some(loaded) = self.find_shared(key, min_seq).await {
            return Ok(loaded);
        }
        let _permit = self.fills.acquire().await.map_err(|_| LoadError::TimedOut)?;
        let began = Instant::now();
        let mut reads = 0;

        loop {
            reads += 1;
            let ticket = self.ticket();
            let read_since = Instant::now();
            // Before the read, or the stamp would cover rows whose writes the read did not see.
            let before = self.follower.snapshot();
            let table_age = self.follower.age_at(read_since);
            let filled =
                fill(before.stamp()).await.map_err(|error| LoadError::Fill(error.into()))?;
            let source_age = source_age(filled.stamp.is_some(), table_age);
            let read_since = read_since.checked_sub(source_age).unwrap_or(read_since);
            let versions = filled.read.iter().map(|(entity, version)| (&**entity, *version));
            let is_current = self.follower.are_current(versions);
            let entry = self.entry(key, filled, &before, read_since);
            if before.table().is_some() && entry.is_clamped_at(Instant::now(), table_age) {
                return Err(LoadError::TooOld);
            }
            // A row may have come meanwhile.
            let admitted = is_current.then(|| self.admit(&entry, &before)).flatten();

            let is_stored = admitted.is_some_and(|mark| self.keep(key, &entry, mark, min_seq));
            if admitted.is_some() || reads == READS_MAX || before.table().is_none() {
                self.metrics.loads.increment(1);
                self.metrics.load_time.record(began.elapsed());
                return Ok(Loaded { entry, origin: Origin::Source, ticket, is_stored });
            }
            if !is_current {
                sleep(LAG_PAUSE * reads).await;
            }
        }
    }

    /// What another fill has stored. A caller looks in memory first and for a fill under way second;
    /// a fill that ends between the two is found by neither look, and without this third one its
    /// value would be read from the source twice.
    fn find_stored(&self, key: &Arc<str>, min_seq: Option<Seq>) -> Option<Loaded<V>> {
        // Before it is judged, as for a value from the shared cache.
        let ticket = self.ticket();
        let now = Instant::now();
        let found = self.look(key, min_seq, now, self.follower.age_at(now)).ok()?;

        Some(Loaded { entry: found.entry, origin: Origin::Memory, ticket, is_stored: true })
    }

    async fn find_shared(&self, key: &Arc<str>, min_seq: Option<Seq>) -> Option<Loaded<V>> {
        let shared = self.shared.as_ref()?;
        if !self.is_on.load(Ordering::Relaxed) {
            return None;
        }
        let found = match shared.get(key).await {
            Ok(found) => found,
            Err(error) => {
                self.metrics.asked_shared(SharedResult::Failed);
                // The adapter says it once; here it would be a line for each miss.
                tracing::debug!(%error, "reading from the shared cache failed");
                return None;
            }
        };
        let Some(found) = found else {
            self.metrics.asked_shared(SharedResult::Miss);
            return None;
        };

        let loaded = self.adopt(key, found, min_seq);
        let result = if loaded.is_some() { SharedResult::Hit } else { SharedResult::Invalid };
        self.metrics.asked_shared(result);
        loaded
    }

    /// Judges another process's entry by this one's table.
    fn adopt(
        &self,
        key: &Arc<str>,
        found: SharedEntry<V>,
        min_seq: Option<Seq>,
    ) -> Option<Loaded<V>> {
        let ticket = self.ticket();
        let now = Instant::now();
        let known = self.follower.snapshot();
        // What it holds may have been undone: the log knows whether the row is still to come.
        let seen = found.seen.as_ref()?;
        if !known.has_taken(seen) {
            self.follower.hear_of(seen);
            return None;
        }
        if found.stamp.log != *known.table()?.log() {
            return None;
        }
        let mark = known.raised(Mark::new(known.era(), found.stamp.seq), &found.tags)?;
        let lifetime = found.resource.policy().origin;
        let entry = Arc::new(Entry {
            value: found.value,
            resource: found.resource,
            tags: found.tags,
            log: Some(found.stamp.log),
            read_at: found.stamp.seq,
            mark: AtomicU64::new(mark.bits()),
            // Jitter makes it look older than it is, never younger.
            read_since: now.checked_sub(lifetime.saturating_sub(found.remaining))?,
            lifetime,
        });
        let is_too_old = entry.has_expired_at(now)
            || entry.is_clamped_at(now, self.follower.age_at(now))
            || min_seq.is_some_and(|least| mark.seq() < least);
        if is_too_old {
            return None;
        }

        let is_stored = self.keep(key, &entry, mark, min_seq);
        Some(Loaded { entry, origin: Origin::Shared, ticket, is_stored })
    }

    pub(crate) async fn share(&self, key: &str, entry: &Entry<V>) {
        let (Some(shared), Some(log)) = (&self.shared, &entry.log) else { return };
        let entry = SharedEntry {
            value: entry.value.clone(),
            resource: entry.resource,
            tags: entry.tags.clone(),
            stamp: Stamp { log: log.clone(), seq: entry.known_at() },
            seen: self.follower.row(),
            remaining: entry.lifetime.saturating_sub(entry.age_at(Instant::now())),
        };

        if let Err(error) = shared.put_if_newer(key, &entry).await {
            self.metrics.asked_shared(SharedResult::Failed);
            tracing::debug!(%error, "writing to the shared cache failed");
        }
    }
}

impl<V> Loaded<V> {
    /// Whether a caller may have it who began with `ticket`, when `start` was known.
    pub(crate) fn suits(&self, ticket: u64, start: &Snapshot, min_seq: Option<Seq>) -> bool {
        let mark = self.entry.mark();
        let began_later = self.ticket > ticket;
        // Nothing is newer than a read of the source now.
        let is_new_enough = (began_later && self.origin == Origin::Source)
            || min_seq.is_none_or(|least| mark.seq() >= least);

        is_new_enough && (began_later || start.raised(mark, &self.entry.tags).is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use async_trait::async_trait;
    use bytes::Bytes;
    use domain::{LogId, Resource};
    use ports::PortError;

    use super::*;
    use crate::read_through::ReadThroughSettings;
    use crate::{ChangeLog, Changes, Follower, NoSink, Poll};

    struct EmptyLog;

    #[async_trait]
    impl ChangeLog for EmptyLog {
        async fn changes(&self, _poll: &Poll) -> Result<Changes, PortError> {
            let log = LogId::new("LOG").unwrap();
            let (floor, head, rows) = (Seq::ZERO, Seq::ZERO, Vec::new());

            Ok(Changes { log, floor, head, rows, row: None, tags: None, flags: None })
        }
    }

    #[tokio::test]
    async fn a_fill_that_begins_after_another_one_was_stored_does_not_read_the_source() {
        let follower = Follower::new(Arc::new(EmptyLog), Arc::new(NoSink));
        follower.poll().await;
        let tier: Tier<Bytes, &str> = Tier::new(follower, ReadThroughSettings::default(), None);
        let reads = AtomicUsize::new(0);
        let fill = |_| {
            reads.fetch_add(1, Ordering::Relaxed);
            async { Ok(Filled::new(Bytes::from_static(b"one"), Resource::Product, [])) }
        };
        let key = "/products/1".into();

        let first = tier.load(&key, None, &fill).await.unwrap();
        let second = tier.load(&key, None, &fill).await.unwrap();
        let newer = tier.load(&key, Some(Seq(7)), &fill).await.unwrap();

        assert_eq!((first.origin, first.is_stored), (Origin::Source, true));
        assert_eq!((second.origin, second.is_stored), (Origin::Memory, true));
        assert_eq!(
            newer.origin,
            Origin::Source,
            "what is stored is not known to be as new as that"
        );
        assert_eq!(reads.load(Ordering::Relaxed), 2);
    }
}

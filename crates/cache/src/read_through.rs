//! A bounded cache in memory whose entries are judged by the change log at every read.

use std::collections::hash_map::RandomState;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::hash::BuildHasher;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use domain::policy::jittered;
use domain::{Resource, Seq, Stamp};
use futures::FutureExt;
use moka::ops::compute::Op;
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::entry::{Answer, Entry, Filled, Origin, Weigh};
use crate::flights::{Flight, Flights, Landed, Landing, LoadError, Pilot};
use crate::follower::{FRESH_FOR, Follower, USABLE_FOR};
use crate::mark::Mark;
use crate::measures::{Measures, Miss, SharedResult};
use crate::shared::{SharedCache, SharedEntry};
use crate::snapshot::Snapshot;

/// Rule 4: how long a read that brings a min-seq waits for the log to get there.
const REACH_WITHIN: Duration = Duration::from_millis(500);
/// Reads of the source in one fill: one, and one again for a lagging read or a row that came
/// meanwhile, and one in case of both.
const READS_MAX: u32 = 3;
/// Before reading again what lagged: indexes are milliseconds behind.
const LAG_PAUSE: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug)]
pub struct ReadThroughSettings {
    /// Of keys, values and tags together.
    pub capacity_bytes: u64,
    /// After this long a waiter starts a fill of its own; after twice this it gives up, and so
    /// does the fill.
    pub leader_deadline: Duration,
    /// Fills at once: what the source is asked at most when everything is cold.
    pub fills_max: usize,
}

/// A handle; clones are one cache.
///
/// A value is served from memory while no row of the log after its stamp names one of its tags, and
/// its resource's time in the origin's caches has not run out. A read that begins after the
/// follower has reached a row is never answered with what was read before that row was committed.
pub struct ReadThrough<V, E: Debug + Display> {
    inner: Arc<Inner<V, E>>,
}

struct Inner<V, E: Debug + Display> {
    follower: Follower,
    entries: Cache<Arc<str>, Arc<Entry<V>>>,
    flights: Arc<Flights<V, E>>,
    shared: Option<Arc<dyn SharedCache<V>>>,
    fills: Semaphore,
    settings: ReadThroughSettings,
    /// Off, nothing is kept or served from memory; fills are still shared.
    is_on: AtomicBool,
    tickets: AtomicU64,
    dice: RandomState,
    measures: Measures,
}

impl Default for ReadThroughSettings {
    fn default() -> Self {
        Self {
            capacity_bytes: 64 << 20,
            // Ten times what a slow read of the store takes.
            leader_deadline: Duration::from_secs(2),
            fills_max: 256,
        }
    }
}

impl<V, E> ReadThrough<V, E>
where
    V: Clone + Weigh + Send + Sync + 'static,
    E: Debug + Display + Send + Sync + 'static,
{
    pub fn new(follower: Follower, settings: ReadThroughSettings) -> Self {
        Self::behind(follower, settings, None)
    }

    /// With a cache that other processes share between this one and the source.
    pub fn behind(
        follower: Follower,
        settings: ReadThroughSettings,
        shared: Option<Arc<dyn SharedCache<V>>>,
    ) -> Self {
        let entries = Cache::builder()
            .max_capacity(settings.capacity_bytes)
            .weigher(|key: &Arc<str>, entry: &Arc<Entry<V>>| entry.weight(key))
            .build();

        Self {
            inner: Arc::new(Inner {
                follower,
                entries,
                flights: Flights::new(),
                shared,
                fills: Semaphore::new(settings.fills_max.max(1)),
                settings,
                is_on: AtomicBool::new(true),
                tickets: AtomicU64::new(0),
                dice: RandomState::new(),
                measures: Measures::new(),
            }),
        }
    }

    /// The entry in memory if it may be served as it is, without waiting for anything.
    pub fn peek(&self, key: &str, min_seq: Option<Seq>) -> Option<Answer<V>> {
        let now = Instant::now();
        let table_age = self.inner.follower.age_at(now);
        if table_age > USABLE_FOR {
            return None;
        }
        if table_age > FRESH_FOR {
            self.inner.follower.kick();
        }

        self.inner.find(key, min_seq, now, table_age).ok()
    }

    /// The value from memory, from the shared cache or by `fill`, which may be called more than
    /// once, gets the stamp from before its read, and runs on if the caller goes away.
    pub async fn get<F, R>(
        &self,
        key: &str,
        min_seq: Option<Seq>,
        fill: F,
    ) -> Result<Answer<V>, LoadError<E>>
    where
        F: Fn(Option<Stamp>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Filled<V>, E>> + Send + 'static,
    {
        if let Some(answer) = self.peek(key, min_seq) {
            return Ok(answer);
        }
        Box::pin(self.get_waiting(key, min_seq, fill)).await
    }

    /// The operators' switch `cache.mode`.
    pub fn switch(&self, is_on: bool) {
        if self.inner.is_on.swap(is_on, Ordering::Relaxed) && !is_on {
            self.inner.entries.invalidate_all();
        }
    }

    /// How many entries are kept, and what they weigh in bytes; both lag a little.
    pub fn size(&self) -> (u64, u64) {
        (self.inner.entries.entry_count(), self.inner.entries.weighted_size())
    }

    async fn get_waiting<F, R>(
        &self,
        key: &str,
        min_seq: Option<Seq>,
        fill: F,
    ) -> Result<Answer<V>, LoadError<E>>
    where
        F: Fn(Option<Stamp>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Filled<V>, E>> + Send + 'static,
    {
        let inner = &self.inner;
        inner.follower.freshen().await;
        let is_behind = match min_seq {
            Some(seq) => !inner.follower.reach(seq, REACH_WITHIN).await,
            None => false,
        };
        let now = Instant::now();
        match inner.find(key, min_seq, now, inner.follower.age_at(now)) {
            Ok(answer) => return Ok(answer),
            Err(miss) => {
                inner.measures.missed(miss);
                tracing::info!(target: "cache::miss", key, why = ?miss, "cache miss");
            }
        }

        let landing = self.fly(key, min_seq, Arc::new(fill)).await?;
        let seq = landing.entry.known_at();
        let Landing { entry, origin, is_stored, .. } = landing;
        Ok(Answer { entry, seq, origin, is_stored, is_behind })
    }

    /// Joins the fill that is under way, or starts one, until one brings what this caller may have.
    async fn fly<F, R>(
        &self,
        key: &str,
        min_seq: Option<Seq>,
        fill: Arc<F>,
    ) -> Result<Landing<V>, LoadError<E>>
    where
        F: Fn(Option<Stamp>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Filled<V>, E>> + Send + 'static,
    {
        let inner = &self.inner;
        let deadline = inner.settings.leader_deadline;
        let ticket = inner.ticket();
        let at_start = inner.follower.snapshot();
        let give_up = Instant::now() + deadline.saturating_mul(2);
        let mut overdue: Option<Arc<Flight<V, E>>> = None;

        loop {
            let (flight, pilot) = inner.flights.board(key, overdue.as_ref());
            match pilot {
                Some(pilot) => self.spawn(pilot, min_seq, Arc::clone(&fill)),
                None => inner.measures.joined.increment(1),
            }

            let patience = give_up.min(flight.began + deadline);
            match timeout_at(patience, flight.landing()).await {
                Ok(landed) => {
                    let landing = landed?;
                    if landing.suits(ticket, &at_start, min_seq) {
                        return Ok(landing);
                    }
                }
                Err(_) if Instant::now() >= give_up => return Err(LoadError::TimedOut),
                Err(_) => overdue = Some(flight),
            }
        }
    }

    /// The fill is a task of its own: it serves others too, whoever asked first.
    fn spawn<F, R>(&self, pilot: Pilot<V, E>, min_seq: Option<Seq>, fill: Arc<F>)
    where
        F: Fn(Option<Stamp>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Filled<V>, E>> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);

        tokio::spawn(async move {
            let key = Arc::clone(pilot.key());
            let load = AssertUnwindSafe(inner.load(&key, min_seq, &*fill)).catch_unwind();
            let give_up = inner.settings.leader_deadline.saturating_mul(2);
            let landed = match timeout(give_up, load).await {
                Ok(Ok(landed)) => landed,
                Ok(Err(_)) => Err(LoadError::Panicked),
                Err(_) => Err(LoadError::TimedOut),
            };
            let to_share = match &landed {
                Ok(landing) if landing.is_stored && landing.origin == Origin::Source => {
                    Some(Arc::clone(&landing.entry))
                }
                Ok(_) => None,
                Err(error) => {
                    inner.measures.failed_loads.increment(1);
                    tracing::debug!(%key, %error, "a fill failed");
                    None
                }
            };

            pilot.land(landed);
            if let Some(entry) = to_share {
                inner.share(&key, &entry).await;
            }
        });
    }
}

impl<V, E> Inner<V, E>
where
    V: Clone + Weigh + Send + Sync + 'static,
    E: Debug + Display + Send + Sync + 'static,
{
    fn ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::AcqRel)
    }

    fn find(
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
        // Without the log nobody knows of a later row; what it hid is bounded by the younger one.
        if table_age > USABLE_FOR && entry.age_at(now).min(table_age) > entry.resource.clamp() {
            return Err(Miss::Clamped);
        }
        let seq = self.judge(&entry).ok_or(Miss::Invalid)?.seq();
        if min_seq.is_some_and(|least| seq < least) {
            return Err(Miss::Behind);
        }
        self.measures.hits.increment(1);
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

    async fn load<F, R>(&self, key: &Arc<str>, min_seq: Option<Seq>, fill: &F) -> Landed<V, E>
    where
        F: Fn(Option<Stamp>) -> R,
        R: Future<Output = Result<Filled<V>, E>>,
    {
        if let Some(landing) = self.find_shared(key, min_seq).await {
            return Ok(landing);
        }
        let _permit = self.fills.acquire().await.map_err(|_| LoadError::TimedOut)?;
        let began = Instant::now();
        let mut reads = 0;

        loop {
            reads += 1;
            let ticket = self.ticket();
            // Before the read, or the stamp would cover rows whose writes the read did not see.
            let before = self.follower.snapshot();
            let filled =
                fill(before.stamp()).await.map_err(|error| LoadError::Fill(error.into()))?;
            let versions = filled.read.iter().map(|(entity, version)| (&**entity, *version));
            let is_current = self.follower.are_current(versions);
            let entry = self.entry(key, filled, &before, ticket);
            // A row may have come meanwhile.
            let admitted = is_current.then(|| self.admit(&entry, &before)).flatten();

            let is_stored = admitted.is_some_and(|mark| self.keep(key, &entry, mark, min_seq));
            if admitted.is_some() || reads == READS_MAX || before.table().is_none() {
                self.measures.loads.increment(1);
                self.measures.load_time.record(began.elapsed());
                return Ok(Landing { entry, origin: Origin::Source, ticket, is_stored });
            }
            if !is_current {
                sleep(LAG_PAUSE * reads).await;
            }
        }
    }

    fn entry(&self, key: &str, filled: Filled<V>, before: &Snapshot, ticket: u64) -> Arc<Entry<V>> {
        let stamp = filled.stamp.or_else(|| before.stamp());
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
            stored_at: Instant::now(),
            lifetime: self.lifetime(key, filled.resource, ticket),
        })
    }

    fn lifetime(&self, key: &str, resource: Resource, ticket: u64) -> Duration {
        jittered(resource.policy().origin, self.dice.hash_one((key, ticket)))
    }

    fn admit(&self, entry: &Entry<V>, before: &Snapshot) -> Option<Mark> {
        let now = self.follower.table();

        (now.era() == before.era()).then(|| now.raised(entry.mark(), &entry.tags)).flatten()
    }

    /// Stores what was admitted at `mark`, unless what is there is known to be newer.
    fn keep(&self, key: &Arc<str>, entry: &Arc<Entry<V>>, mark: Mark, min: Option<Seq>) -> bool {
        let is_behind = min.is_some_and(|least| mark.seq() < least);
        if is_behind || !self.is_on.load(Ordering::Relaxed) {
            return false;
        }
        entry.raise(mark);
        let now = Instant::now();

        self.entries.entry(Arc::clone(key)).and_compute_with(|old| {
            let is_newer = old.map(moka::Entry::into_value).is_some_and(|old| {
                let known = old.mark();
                known.era() == mark.era() && known.seq() > mark.seq() && !old.has_expired_at(now)
            });
            if is_newer { Op::Nop } else { Op::Put(Arc::clone(entry)) }
        });
        true
    }

    async fn find_shared(&self, key: &Arc<str>, min_seq: Option<Seq>) -> Option<Landing<V>> {
        let shared = self.shared.as_ref()?;
        if !self.is_on.load(Ordering::Relaxed) {
            return None;
        }
        let found = match shared.get(key).await {
            Ok(found) => found,
            Err(error) => {
                self.measures.asked_shared(SharedResult::Failed);
                tracing::warn!(%error, "the shared cache does not answer");
                return None;
            }
        };
        let Some(found) = found else {
            self.measures.asked_shared(SharedResult::Miss);
            return None;
        };

        let landing = self.adopt(key, found, min_seq);
        let result = if landing.is_some() { SharedResult::Hit } else { SharedResult::Invalid };
        self.measures.asked_shared(result);
        landing
    }

    /// Judges another process's entry by this one's table.
    fn adopt(
        &self,
        key: &Arc<str>,
        found: SharedEntry<V>,
        min_seq: Option<Seq>,
    ) -> Option<Landing<V>> {
        let ticket = self.ticket();
        let now = self.follower.snapshot();
        if found.stamp.log != *now.table()?.log() {
            return None;
        }
        let mark = now.raised(Mark::new(now.era(), found.stamp.seq), &found.tags)?;
        let entry = Arc::new(Entry {
            value: found.value,
            resource: found.resource,
            tags: found.tags,
            log: Some(found.stamp.log),
            read_at: found.stamp.seq,
            mark: AtomicU64::new(mark.bits()),
            stored_at: Instant::now(),
            lifetime: found.remaining.min(found.resource.policy().origin),
        });
        if entry.lifetime.is_zero() || min_seq.is_some_and(|least| mark.seq() < least) {
            return None;
        }

        let is_stored = self.keep(key, &entry, mark, min_seq);
        Some(Landing { entry, origin: Origin::Shared, ticket, is_stored })
    }

    async fn share(&self, key: &str, entry: &Entry<V>) {
        let (Some(shared), Some(log)) = (&self.shared, &entry.log) else { return };
        let entry = SharedEntry {
            value: entry.value.clone(),
            resource: entry.resource,
            tags: entry.tags.clone(),
            stamp: Stamp { log: log.clone(), seq: entry.known_at() },
            remaining: entry.lifetime.saturating_sub(entry.age_at(Instant::now())),
        };

        if let Err(error) = shared.put_if_newer(key, &entry).await {
            self.measures.asked_shared(SharedResult::Failed);
            tracing::warn!(%error, "the shared cache does not take entries");
        }
    }
}

impl<V> Landing<V> {
    /// Whether a caller may have it who began with `ticket`, when `start` was known.
    fn suits(&self, ticket: u64, start: &Snapshot, min_seq: Option<Seq>) -> bool {
        let mark = self.entry.mark();
        let began_later = self.ticket > ticket;
        // Nobody can do better than to read the source now.
        let is_new_enough = (began_later && self.origin == Origin::Source)
            || min_seq.is_none_or(|least| mark.seq() >= least);

        is_new_enough && (began_later || start.raised(mark, &self.entry.tags).is_some())
    }
}

impl<V, E: Debug + Display> Clone for ReadThrough<V, E> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

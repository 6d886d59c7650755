//! A bounded cache in memory whose entries are judged by the change log at every read.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::{Seq, Stamp};
use futures::FutureExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::entry::{Answer, Filled, Origin, Weigh};
use crate::follower::{FRESH_FOR, Follower, USABLE_FOR};
use crate::single_flight::{Flight, Leader, LoadError, Loaded};
use crate::tier::Tier;
use ports::SharedCache;

/// Rule 4: how long a read that brings a min-seq waits for the log to get there.
const REACH_WITHIN: Duration = Duration::from_millis(500);
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
    tier: Arc<Tier<V, E>>,
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
        Self { tier: Arc::new(Tier::new(follower, settings, shared)) }
    }

    /// The entry in memory if it may be served as it is, without waiting for anything.
    pub fn peek(&self, key: &str, min_seq: Option<Seq>) -> Option<Answer<V>> {
        let now = Instant::now();
        let table_age = self.tier.follower.age_at(now);
        if table_age > USABLE_FOR {
            return None;
        }
        if table_age > FRESH_FOR {
            self.tier.follower.kick();
        }

        self.tier.find(key, min_seq, now, table_age).ok()
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
        if self.tier.is_on.swap(is_on, Ordering::Relaxed) && !is_on {
            self.tier.entries.invalidate_all();
        }
    }

    /// How many entries are kept, and what they weigh in bytes, once what is pending is settled.
    pub fn size(&self) -> (u64, u64) {
        self.tier.entries.run_pending_tasks();

        (self.tier.entries.entry_count(), self.tier.entries.weighted_size())
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
        let tier = &self.tier;
        tier.follower.freshen().await;
        let is_behind = match min_seq {
            Some(seq) => !tier.follower.reach(seq, REACH_WITHIN).await,
            None => false,
        };
        let now = Instant::now();
        match tier.find(key, min_seq, now, tier.follower.age_at(now)) {
            Ok(answer) => return Ok(answer),
            Err(miss) => {
                tier.metrics.missed(miss);
                tracing::info!(target: "cache::miss", key, why = ?miss, "cache miss");
            }
        }

        let loaded = self.fly(key, min_seq, Arc::new(fill)).await?;
        let seq = loaded.entry.known_at();
        let Loaded { entry, origin, is_stored, .. } = loaded;
        Ok(Answer { entry, seq, origin, is_stored, is_behind })
    }

    /// Joins the fill that is under way, or starts one, until one brings what this caller may have.
    async fn fly<F, R>(
        &self,
        key: &str,
        min_seq: Option<Seq>,
        fill: Arc<F>,
    ) -> Result<Loaded<V>, LoadError<E>>
    where
        F: Fn(Option<Stamp>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Filled<V>, E>> + Send + 'static,
    {
        let tier = &self.tier;
        let deadline = tier.settings.leader_deadline;
        let ticket = tier.ticket();
        let at_start = tier.follower.snapshot();
        let give_up = Instant::now() + deadline.saturating_mul(2);
        let mut overdue: Option<Arc<Flight<V, E>>> = None;

        loop {
            let (flight, leader) = tier.single_flight.join(key, overdue.as_ref());
            match leader {
                Some(leader) => self.spawn(leader, min_seq, Arc::clone(&fill)),
                None => tier.metrics.joined.increment(1),
            }

            let patience = give_up.min(flight.began + deadline);
            match timeout_at(patience, flight.result()).await {
                Ok(result) => {
                    let loaded = result?;
                    if loaded.suits(ticket, &at_start, min_seq) {
                        return Ok(loaded);
                    }
                }
                Err(_) if Instant::now() >= give_up => return Err(LoadError::TimedOut),
                Err(_) => overdue = Some(flight),
            }
        }
    }

    /// The fill is a task of its own: it goes on for the other readers if the first one goes away.
    fn spawn<F, R>(&self, leader: Leader<V, E>, min_seq: Option<Seq>, fill: Arc<F>)
    where
        F: Fn(Option<Stamp>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Filled<V>, E>> + Send + 'static,
    {
        let tier = Arc::clone(&self.tier);

        tokio::spawn(async move {
            let key = Arc::clone(leader.key());
            let load = AssertUnwindSafe(tier.load(&key, min_seq, &*fill)).catch_unwind();
            let give_up = tier.settings.leader_deadline.saturating_mul(2);
            let result = match timeout(give_up, load).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(LoadError::Panicked),
                Err(_) => Err(LoadError::TimedOut),
            };
            let to_share = match &result {
                Ok(loaded) if loaded.is_stored && loaded.origin == Origin::Source => {
                    Some(Arc::clone(&loaded.entry))
                }
                Ok(_) => None,
                Err(error) => {
                    tier.metrics.failed_loads.increment(1);
                    tracing::debug!(%key, %error, "a fill failed");
                    None
                }
            };

            leader.complete(result);
            if let Some(entry) = to_share {
                tier.share(&key, &entry).await;
            }
        });
    }
}

impl<V, E: Debug + Display> Clone for ReadThrough<V, E> {
    fn clone(&self) -> Self {
        Self { tier: Arc::clone(&self.tier) }
    }
}

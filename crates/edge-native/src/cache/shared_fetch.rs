//! Concurrent misses of one key: which request asks the origin, which wait, and whether these may
//! be answered with what it got.

use std::sync::Arc;

use domain::Timestamp;
use edge_core::Failure;
use tokio::time::timeout_at;

use crate::cache::fetch::{FetchOutcome, Fetcher, Fill};
use crate::cache::single_flight::Leader;
use crate::cache::store::CacheEntry;

/// A request waits for or leads so many fetches before it gives up; each one was overdue, or its
/// response was invalidated while it was under way.
const JOINS_MAX: u32 = 4;

impl Fetcher {
    /// The outcome, and whether it is that of another request's fetch.
    pub async fn fetch_shared(self: &Arc<Self>, fill: Fill) -> (FetchOutcome, bool) {
        if self.hit_for_miss.contains(fill.key.as_str()) {
            return (self.fetch(&fill).await, false);
        }
        let mut overdue = None;

        for _ in 0..JOINS_MAX {
            let (flight, leader) = self.single_flight.join(fill.key.as_str(), overdue.as_ref());
            if let Some(leader) = leader {
                self.spawn_fetch(fill.clone(), leader);
                let outcome = flight.outcome().await;
                return (outcome.unwrap_or(FetchOutcome::Failed(Failure::Unusable)), false);
            }
            let until = flight.began + self.limits.leader_deadline;
            match timeout_at(until, flight.outcome()).await {
                Ok(Some(outcome)) if self.is_for_waiters(&outcome) => return (outcome, true),
                Ok(Some(FetchOutcome::Uncacheable { .. })) => {
                    return (self.fetch(&fill).await, false);
                }
                Ok(_) => {}
                Err(_) => overdue = Some(flight),
            }
        }
        (FetchOutcome::Failed(Failure::Timeout), true)
    }

    /// Refreshes an entry in the background, unless a fetch is under way or has just failed.
    pub fn refresh(self: &Arc<Self>, fill: Fill, entry: Arc<CacheEntry>, now: Timestamp) {
        if entry.may_serve_stale_unasked(now) {
            return;
        }
        if let (_, Some(leader)) = self.single_flight.join(fill.key.as_str(), None) {
            self.spawn_fetch(Fill { entry: Some(entry), revalidate: true, ..fill }, leader);
        }
    }

    fn is_for_waiters(&self, outcome: &FetchOutcome) -> bool {
        outcome.is_for_waiters(|entry| entry.verdict(self.follower.table().table()).is_valid())
    }

    /// In a task of its own: the first client may disconnect while others still wait.
    fn spawn_fetch(self: &Arc<Self>, fill: Fill, leader: Leader<FetchOutcome>) {
        let fetcher = Arc::clone(self);

        tokio::spawn(async move {
            let outcome = fetcher.fetch(&fill).await;
            if let Some(entry) = fill.entry.as_ref().filter(|_| outcome.has_failed()) {
                entry.note_failure(fetcher.world.now());
            }
            if outcome.is_hit_for_miss() {
                fetcher.hit_for_miss.add(fill.key.as_str());
            }
            leader.complete(outcome);
        });
    }
}

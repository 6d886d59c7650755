//! Concurrent misses of one key: one request asks the origin, and the others wait if its response
//! may be theirs.

use std::sync::Arc;

use edge_core::Failure;
use edge_core::cache_status::Forward;
use edge_core::http::{Decision, RequestDirectives, decide};
use http::HeaderMap;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::fetch::{FetchFailure, FetchOutcome, FetchRequest};
use super::proxy::Proxy;
use super::store::CacheEntry;
use crate::cache::single_flight::Leader;

/// The outcome as waiting requests see it.
#[derive(Clone)]
pub(super) enum SharedOutcome {
    Stored(Arc<CacheEntry>),
    /// The response was for the leader's client alone.
    NotShareable,
    Failed(FetchFailure),
}

/// A request waits for or leads so many fetches before it gives up; each one was overdue.
const JOINS_MAX: u32 = 4;

impl Proxy {
    /// The outcome, and whether it is that of another request's fetch.
    pub(super) async fn fetch_shared(
        self: &Arc<Self>,
        question: FetchRequest,
        wants: &RequestDirectives,
    ) -> (FetchOutcome, bool) {
        let key = self.store.key_of(question.url(), &question.headers);
        // With credentials, or a wish for a response of its own, a request waits for no other.
        let is_alone = wants.no_cache || wants.no_store || question.has_credentials();
        if is_alone || self.hit_for_miss.contains(key.as_str()) {
            return (self.fetch(&question).await, false);
        }
        let mut overdue = None;

        for _ in 0..JOINS_MAX {
            let (flight, leader) = self.single_flight.join(&key, overdue.as_ref());
            if let Some(leader) = leader {
                let outcome = self.spawn_fetch(question, key, leader).await;
                return (outcome.unwrap_or(LOST), false);
            }
            let until = flight.began + self.limits.leader_deadline;
            match timeout_at(until, flight.outcome()).await {
                Ok(Some(SharedOutcome::Stored(entry))) if self.is_for(&entry, &question, wants) => {
                    let outcome = FetchOutcome::Stored {
                        entry,
                        is_validated: false,
                        is_stored: false,
                        withheld: HeaderMap::new(),
                    };
                    return (outcome, true);
                }
                Ok(Some(SharedOutcome::Failed(failed))) => {
                    return (FetchOutcome::Failed(failed), true);
                }
                Ok(Some(SharedOutcome::Stored(_) | SharedOutcome::NotShareable)) => {
                    return (self.fetch(&question).await, false);
                }
                Ok(None) => {}
                Err(_) => overdue = Some(flight),
            }
        }
        (FetchOutcome::Failed(FetchFailure::NoAnswer(Failure::Timeout)), true)
    }

    /// A response that another request fetched is used under the same rules as a stored one.
    fn is_for(
        &self,
        entry: &CacheEntry,
        question: &FetchRequest,
        wants: &RequestDirectives,
    ) -> bool {
        let decided = decide(wants, Some(&entry.stored), Forward::UriMiss, self.world.now());

        entry.stored.variant.matches(&question.headers) && matches!(decided, Decision::Serve(_))
    }

    /// In a task of its own: the first client may disconnect while others still wait. If no request
    /// waits, the outcome is dropped, and its connection with it.
    pub(super) fn spawn_fetch(
        self: &Arc<Self>,
        question: FetchRequest,
        key: String,
        leader: Leader<SharedOutcome>,
    ) -> oneshot::Receiver<FetchOutcome> {
        let (tell, told) = oneshot::channel();
        let proxy = Arc::clone(self);

        tokio::spawn(async move {
            let outcome = proxy.fetch(&question).await;
            let shared = match &outcome {
                FetchOutcome::Stored { entry, is_stored: true, .. } => {
                    SharedOutcome::Stored(Arc::clone(entry))
                }
                FetchOutcome::Stored { .. } => SharedOutcome::NotShareable,
                FetchOutcome::Forwarded(_) => {
                    proxy.hit_for_miss.add(&key);
                    SharedOutcome::NotShareable
                }
                FetchOutcome::Failed(failed) => SharedOutcome::Failed(*failed),
            };
            leader.complete(shared);
            let _ = tell.send(outcome);
        });
        told
    }
}

/// The leader's task ended without an outcome: it panicked.
const LOST: FetchOutcome = FetchOutcome::Failed(FetchFailure::NoAnswer(Failure::Unusable));

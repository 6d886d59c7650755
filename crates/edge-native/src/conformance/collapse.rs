//! Many requests for one thing: one of them asks, the others wait, if they may have its answer.

use std::sync::Arc;

use edge_core::Failure;
use edge_core::cache_status::Forward;
use edge_core::http::{Decision, RequestDirectives, decide};
use http::HeaderMap;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::fetch::{Failed, Outcome, Question};
use super::proxy::Proxy;
use super::shelf::Kept;
use crate::flights::Pilot;

/// What those who wait are told.
#[derive(Clone)]
pub(super) enum Landed {
    Kept(Arc<Kept>),
    /// It was one client's alone.
    Unshared,
    Failed(Failed),
}

/// A request joins or starts so many flights before it gives up; each one was overdue.
const BOARDINGS_MAX: u32 = 4;

impl Proxy {
    /// What the origin says, and whether another request had asked for it.
    pub(super) async fn landing(
        self: &Arc<Self>,
        question: Question,
        wants: &RequestDirectives,
    ) -> (Outcome, bool) {
        let key = self.shelf.key_of(question.url(), &question.headers);
        // Who shows credentials, or wants an answer of his own, does not wait for another's.
        let is_alone = wants.no_cache || wants.no_store || question.has_credentials();
        if is_alone || self.unshared.holds(key.as_str()) {
            return (self.fetch(&question).await, false);
        }
        let mut overdue = None;

        for _ in 0..BOARDINGS_MAX {
            let (flight, pilot) = self.flights.board(&key, overdue.as_ref());
            if let Some(pilot) = pilot {
                let outcome = self.lead(question, key, pilot).await;
                return (outcome.unwrap_or(LOST), false);
            }
            let until = flight.began + self.limits.leader_deadline;
            match timeout_at(until, flight.landing()).await {
                Ok(Some(Landed::Kept(kept))) if self.is_for(&kept, &question, wants) => {
                    let outcome = Outcome::Kept {
                        kept,
                        is_validated: false,
                        is_stored: false,
                        withheld: HeaderMap::new(),
                    };
                    return (outcome, true);
                }
                Ok(Some(Landed::Failed(failed))) => return (Outcome::Failed(failed), true),
                Ok(Some(Landed::Kept(_) | Landed::Unshared)) => {
                    return (self.fetch(&question).await, false);
                }
                Ok(None) => {}
                Err(_) => overdue = Some(flight),
            }
        }
        (Outcome::Failed(Failed::NoAnswer(Failure::Timeout)), true)
    }

    /// An answer that came while one waited is used under the same rules as one that was there.
    fn is_for(&self, kept: &Kept, question: &Question, wants: &RequestDirectives) -> bool {
        let decided = decide(wants, Some(&kept.stored), Forward::UriMiss, self.world.now());

        kept.stored.variant.matches(&question.headers) && matches!(decided, Decision::Serve(_))
    }

    /// In a task of its own: whoever asked first may go away, those who wait remain. An outcome
    /// that nobody waits for is dropped, and its connection with it.
    pub(super) fn lead(
        self: &Arc<Self>,
        question: Question,
        key: String,
        pilot: Pilot<Landed>,
    ) -> oneshot::Receiver<Outcome> {
        let (tell, told) = oneshot::channel();
        let proxy = Arc::clone(self);

        tokio::spawn(async move {
            let outcome = proxy.fetch(&question).await;
            let landed = match &outcome {
                Outcome::Kept { kept, is_stored: true, .. } => Landed::Kept(Arc::clone(kept)),
                Outcome::Kept { .. } => Landed::Unshared,
                Outcome::Passing(_) => {
                    proxy.unshared.add(&key);
                    Landed::Unshared
                }
                Outcome::Failed(failed) => Landed::Failed(*failed),
            };
            pilot.land(landed);
            let _ = tell.send(outcome);
        });
        told
    }
}

/// The task that fetched is gone without a word: it panicked.
const LOST: Outcome = Outcome::Failed(Failed::NoAnswer(Failure::Unusable));

//! Many requests, one question: who asks the origin, who waits for the answer, and who may have it.

use std::sync::Arc;

use edge_core::Failure;
use edge_core::decision::Outcome;
use tokio::time::timeout_at;

use crate::edge::Edge;
use crate::fill::{Fill, Landed};
use crate::flights::Pilot;

/// A request joins or starts so many flights before it gives up; each one was overdue, or brought
/// what a row has changed since.
const BOARDINGS_MAX: u32 = 4;

impl Edge {
    /// What the origin says, and whether another request had asked for it.
    pub(crate) async fn landing(self: &Arc<Self>, fill: Fill) -> (Landed, bool) {
        if self.unshared.holds(fill.key.as_str()) {
            return (self.fill(&fill).await, false);
        }
        let mut overdue = None;

        for _ in 0..BOARDINGS_MAX {
            let (flight, pilot) = self.flights.board(fill.key.as_str(), overdue.as_ref());
            if let Some(pilot) = pilot {
                self.lead(fill.clone(), pilot);
                let landed = flight.landing().await;
                return (landed.unwrap_or(Landed::Failed(Failure::Unusable)), false);
            }
            let until = flight.began + self.limits.leader_deadline;
            match timeout_at(until, flight.landing()).await {
                Ok(Some(landed)) if self.is_for_all(&landed) => return (landed, true),
                Ok(Some(Landed::Passing { .. })) => return (self.fill(&fill).await, false),
                Ok(_) => {}
                Err(_) => overdue = Some(flight),
            }
        }
        (Landed::Failed(Failure::Timeout), true)
    }

    /// Whether a request that found the answer under way may have it. It may know of a row that
    /// came after the answer was asked for.
    fn is_for_all(&self, landed: &Landed) -> bool {
        match landed {
            Landed::Kept { kept, .. } => kept.verdict(self.follower.table().table()).is_valid(),
            Landed::Passing { is_shareable, .. } => *is_shareable,
            Landed::Failed(_) => true,
        }
    }

    /// In a task of its own: whoever asked first may go away, those who wait remain.
    pub(crate) fn lead(self: &Arc<Self>, fill: Fill, pilot: Pilot<Landed>) {
        let edge = Arc::clone(self);

        tokio::spawn(async move {
            let landed = edge.fill(&fill).await;
            if let Some(kept) = fill.kept.as_ref().filter(|_| landed.has_failed()) {
                kept.stand_in(edge.world.now());
            }
            // The next one's answer to a key that was refused may be everybody's.
            if matches!(landed, Landed::Passing { is_shareable: false, .. })
                && !landed.outcome().is_some_and(Outcome::is_refusal)
            {
                edge.unshared.add(fill.key.as_str());
            }
            pilot.land(landed);
        });
    }
}

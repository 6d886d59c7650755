//! The states of a breaker and what moves it from one to the next; pure, by the time it is told.

use std::time::Duration;

use tokio::time::Instant;

use super::ring::Ring;

/// How long an open breaker refuses before it lets one call try.
pub(crate) const OPEN_FOR: Duration = Duration::from_secs(60);
/// A call that takes so long has failed, whatever it answers then.
pub(crate) const SLOW: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed,
    Open,
    HalfOpen,
}

/// An operator's word, which goes before what the breaker has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forced {
    Open,
    Closed,
}

/// What a call's end says of the dependency. A refused card or an unknown id is its success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Succeeded,
    Failed,
    /// Given up by the caller: it says nothing.
    Neutral,
}

/// Names the call that a verdict is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// Of another one than the breaker's now, the verdict is late and changes nothing.
    generation: u64,
    began: Instant,
}

#[derive(Debug)]
enum Phase {
    Closed(Ring),
    Open { since: Instant },
    HalfOpen { probe: Option<Instant> },
}

#[derive(Debug)]
pub(crate) struct Machine {
    phase: Phase,
    forced: Option<Forced>,
    /// Counts transitions.
    generation: u64,
}

/// Why a call is not let through, and in how long another may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) retry_after: Duration,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self { phase: Phase::Closed(Ring::default()), forced: None, generation: 0 }
    }

    pub(crate) const fn state(&self) -> State {
        match (self.forced, &self.phase) {
            (Some(Forced::Open), _) => State::Open,
            (Some(Forced::Closed), _) | (None, Phase::Closed(_)) => State::Closed,
            (None, Phase::Open { .. }) => State::Open,
            (None, Phase::HalfOpen { .. }) => State::HalfOpen,
        }
    }

    pub(crate) const fn is_probing(&self) -> bool {
        matches!((self.forced, &self.phase), (None, Phase::HalfOpen { probe: Some(_) }))
    }

    pub(crate) fn admit(&mut self, now: Instant) -> Result<Ticket, Refusal> {
        match self.forced {
            Some(Forced::Open) => return Err(Refusal { retry_after: OPEN_FOR }),
            Some(Forced::Closed) => return Ok(self.ticket(now)),
            None => {}
        }
        if let Phase::HalfOpen { probe: Some(began) } = self.phase
            && now.saturating_duration_since(began) >= SLOW
        {
            // Whoever holds the probe's permit has forgotten it, or hangs.
            self.enter(Phase::Open { since: now });
        }
        match &mut self.phase {
            Phase::Closed(_) => Ok(self.ticket(now)),
            Phase::Open { since } => {
                let waited = now.saturating_duration_since(*since);
                if waited < OPEN_FOR {
                    return Err(Refusal { retry_after: OPEN_FOR.saturating_sub(waited) });
                }
                self.enter(Phase::HalfOpen { probe: Some(now) });
                Ok(self.ticket(now))
            }
            Phase::HalfOpen { probe: Some(began) } => {
                let waited = now.saturating_duration_since(*began);
                Err(Refusal { retry_after: SLOW.saturating_sub(waited) })
            }
            Phase::HalfOpen { probe } => {
                *probe = Some(now);
                Ok(self.ticket(now))
            }
        }
    }

    pub(crate) fn settle(&mut self, ticket: Ticket, verdict: Verdict, now: Instant) {
        if ticket.generation != self.generation || self.forced.is_some() {
            return;
        }
        let is_slow = now.saturating_duration_since(ticket.began) >= SLOW;
        let verdict = match verdict {
            Verdict::Succeeded if is_slow => Verdict::Failed,
            other => other,
        };

        match (&mut self.phase, verdict) {
            (Phase::Closed(ring), Verdict::Failed) => {
                if ring.fail(now) {
                    self.enter(Phase::Open { since: now });
                }
            }
            (Phase::HalfOpen { .. }, Verdict::Succeeded) => {
                self.enter(Phase::Closed(Ring::default()));
            }
            (Phase::HalfOpen { .. }, Verdict::Failed) => self.enter(Phase::Open { since: now }),
            (Phase::HalfOpen { probe }, Verdict::Neutral) => *probe = None,
            // Every ticket of an open breaker's generation was settled by what opened it.
            (Phase::Closed(_) | Phase::Open { .. }, _) => {}
        }
    }

    /// `None` gives the breaker back to itself, closed and with nothing remembered.
    pub(crate) fn force(&mut self, forced: Option<Forced>) {
        self.forced = forced;
        self.enter(Phase::Closed(Ring::default()));
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation += 1;
    }

    const fn ticket(&self, now: Instant) -> Ticket {
        Ticket { generation: self.generation, began: now }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;

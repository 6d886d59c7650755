//! A breaker's state machine. Pure: the caller passes the time.

use std::time::Duration;

use tokio::time::Instant;

use super::ring::Ring;

/// How long an open breaker refuses calls before it lets one probe.
pub(crate) const OPEN_FOR: Duration = Duration::from_secs(60);
/// A call that takes this long has failed, whatever it answers then.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed,
    Open,
    HalfOpen,
}

/// An operator's decision, which overrides what the breaker has observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forced {
    Open,
    Closed,
}

/// What a call's outcome means for the dependency. A declined card or an unknown id is a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Succeeded,
    Failed,
    /// The caller gave up: no evidence either way.
    Neutral,
}

/// Identifies the call that a verdict belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// If the breaker's generation is another one by now, the verdict is late and is ignored.
    generation: u64,
    started: Instant,
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

/// A call was refused; another may be let through after this time.
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
        if let Phase::HalfOpen { probe: Some(started) } = self.phase
            && now.saturating_duration_since(started) >= CALL_TIMEOUT
        {
            // The probe hangs, or its permit was leaked.
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
            Phase::HalfOpen { probe: Some(started) } => {
                let waited = now.saturating_duration_since(*started);
                Err(Refusal { retry_after: CALL_TIMEOUT.saturating_sub(waited) })
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
        let is_slow = now.saturating_duration_since(ticket.started) >= CALL_TIMEOUT;
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
            // A success while closed changes nothing. An open breaker has issued no tickets in its
            // generation.
            (Phase::Closed(_) | Phase::Open { .. }, _) => {}
        }
    }

    /// `None` returns the breaker to normal operation, closed and without past failures.
    pub(crate) fn force(&mut self, forced: Option<Forced>) {
        self.forced = forced;
        self.enter(Phase::Closed(Ring::default()));
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation += 1;
    }

    const fn ticket(&self, now: Instant) -> Ticket {
        Ticket { generation: self.generation, started: now }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;

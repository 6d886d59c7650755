//! What is told of a breaker: where it stands, how it got there, and what it kept from being asked.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

use super::machine::{State, Verdict};

const STATE: &str = "breaker_state";
const TRANSITIONS: &str = "breaker_transitions_total";
const REFUSED: &str = "breaker_rejected_total";
const PROBES: &str = "breaker_probes_total";

#[derive(Debug)]
pub(crate) struct Measures {
    provider: &'static str,
    operation: &'static str,
    state: Gauge,
    refused: Counter,
}

impl Measures {
    /// Whoever wants the numbers installs a recorder first.
    pub(crate) fn new(provider: &'static str, operation: &'static str) -> Self {
        describe_gauge!(STATE, "0 closed, 1 half open, 2 open");
        describe_counter!(TRANSITIONS, "Changes of a breaker's state");
        describe_counter!(REFUSED, "Calls that an open breaker did not let through");
        describe_counter!(
            PROBES,
            "Calls that tried whether a dependency is back, by how they ended"
        );
        let state = gauge!(STATE, "provider" => provider, "operation" => operation);
        state.set(0.0);

        Self {
            provider,
            operation,
            state,
            refused: counter!(REFUSED, "provider" => provider, "operation" => operation),
        }
    }

    pub(crate) fn refused(&self) {
        self.refused.increment(1);
    }

    pub(crate) fn moved(&self, before: State, after: State) {
        let (provider, operation) = (self.provider, self.operation);
        let (from, to) = (name(before), name(after));

        self.state.set(match after {
            State::Closed => 0.0,
            State::HalfOpen => 1.0,
            State::Open => 2.0,
        });
        counter!(TRANSITIONS, "provider" => provider, "operation" => operation,
            "from" => from, "to" => to)
        .increment(1);
        if after == State::Open {
            tracing::warn!(provider, operation, from, "a breaker opened");
        } else {
            tracing::info!(provider, operation, from, to, "a breaker moved");
        }
    }

    pub(crate) fn probed(&self, verdict: Verdict) {
        let result = match verdict {
            Verdict::Succeeded => "succeeded",
            Verdict::Failed => "failed",
            Verdict::Neutral => "cancelled",
        };

        counter!(PROBES, "provider" => self.provider, "operation" => self.operation,
            "result" => result)
        .increment(1);
    }
}

const fn name(state: State) -> &'static str {
    match state {
        State::Closed => "closed",
        State::Open => "open",
        State::HalfOpen => "half_open",
    }
}

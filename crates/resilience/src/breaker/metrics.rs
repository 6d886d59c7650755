//! A breaker's metrics and log lines: its state, its transitions, and the calls that it refused.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

use super::machine::{State, Verdict};

const STATE: &str = "breaker_state";
const TRANSITIONS: &str = "breaker_transitions_total";
const REFUSED: &str = "breaker_rejected_total";
const PROBES: &str = "breaker_probes_total";

#[derive(Debug)]
pub(crate) struct Metrics {
    provider: &'static str,
    operation: &'static str,
    state: Gauge,
    refused: Counter,
}

impl Metrics {
    /// Call it after the metrics' recorder was installed; metrics registered earlier are lost.
    pub(crate) fn new(provider: &'static str, operation: &'static str) -> Self {
        describe_gauge!(STATE, "State of a circuit breaker: 0 closed, 1 half open, 2 open");
        describe_counter!(TRANSITIONS, "State changes of a circuit breaker");
        describe_counter!(REFUSED, "Calls refused by an open circuit breaker");
        describe_counter!(
            PROBES,
            "Calls that probed whether a dependency has recovered, by result"
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

    pub(crate) fn changed(&self, before: State, after: State) {
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
            tracing::warn!(provider, operation, from, "circuit breaker opened");
        } else {
            tracing::info!(provider, operation, from, to, "circuit breaker changed its state");
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

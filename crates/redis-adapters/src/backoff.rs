//! While the server is down, calls fail immediately instead of each waiting for its deadline.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

/// After the first failure. Long compared with a lost packet, short compared with a restart.
const FIRST: Duration = Duration::from_millis(100);
/// After many failures: how late the end of an outage is noticed.
const LONGEST: Duration = Duration::from_secs(2);

/// Refuses calls after a failure, for a time that doubles with each further one; then admits one
/// probe at a time.
#[derive(Debug, Default)]
pub(crate) struct Backoff(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Calls are refused until then.
    until: Option<Instant>,
    /// A probe was admitted and has not ended.
    is_probing: bool,
}

/// What the end of a call changes for the calls that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    None,
    WentDown,
    CameUp,
}

impl Backoff {
    /// Whether a call may be made. A probe keeps other calls out until it has ended, or has taken
    /// `at_most`.
    pub(crate) fn admit(&self, at_most: Duration) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = state.until else { return true };
        let now = Instant::now();
        if now < until {
            return false;
        }
        state.until = Some(now + at_most);
        state.is_probing = true;
        true
    }

    /// Records how an admitted call ended.
    pub(crate) fn record(&self, is_up: bool) -> Transition {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_up {
            let was_down = state.failures > 0;
            *state = State::default();
            return if was_down { Transition::CameUp } else { Transition::None };
        }
        let now = Instant::now();
        if !state.is_probing && state.until.is_some_and(|until| now < until) {
            // Calls that were in flight when the first of them failed are one failure.
            return Transition::None;
        }
        let pause = FIRST.saturating_mul(1 << state.failures.min(10)).min(LONGEST);
        state.failures = state.failures.saturating_add(1);
        state.until = Some(now + pause);
        state.is_probing = false;

        if state.failures == 1 { Transition::WentDown } else { Transition::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Duration = Duration::from_millis(50);

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_one_call_at_a_time_is_admitted_and_each_time_later() {
        let backoff = Backoff::default();
        assert!(backoff.admit(CALL));
        assert_eq!(backoff.record(false), Transition::WentDown);
        assert!(!backoff.admit(CALL));

        tokio::time::advance(FIRST).await;
        assert!(backoff.admit(CALL), "a probe");
        assert!(!backoff.admit(CALL), "a second one beside it");
        assert_eq!(backoff.record(false), Transition::None);
        tokio::time::advance(FIRST).await;
        assert!(!backoff.admit(CALL), "the second pause is longer");

        tokio::time::advance(LONGEST).await;
        assert!(backoff.admit(CALL));
        assert_eq!(backoff.record(true), Transition::CameUp);
        assert!(backoff.admit(CALL) && backoff.admit(CALL));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_in_flight_at_the_first_failure_do_not_lengthen_the_pause() {
        let backoff = Backoff::default();
        assert!((0..64).all(|_| backoff.admit(CALL)));

        let down = (0..64).filter(|_| backoff.record(false) == Transition::WentDown);
        assert_eq!(down.count(), 1);
        tokio::time::advance(FIRST).await;

        assert!(backoff.admit(CALL));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_never_ends_does_not_keep_others_out_for_ever() {
        let backoff = Backoff::default();
        backoff.record(false);
        tokio::time::advance(FIRST).await;
        assert!(backoff.admit(CALL));

        tokio::time::advance(CALL).await;

        assert!(backoff.admit(CALL));
    }
}

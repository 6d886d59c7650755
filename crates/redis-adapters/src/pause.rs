//! Nobody waits for a server that has just failed: the first to fail says for how long.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

/// After the first failure. Long against a lost packet, short against a restart.
const FIRST: Duration = Duration::from_millis(100);
/// After many; how late the end of an outage is noticed.
const LONGEST: Duration = Duration::from_secs(2);

/// Closed after a failure for a time that doubles with each one; then one call at a time tries.
#[derive(Debug, Default)]
pub(crate) struct Pause(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    until: Option<Instant>,
    /// Somebody was let in after a pause.
    is_tried: bool,
}

/// What a call's end means for those that come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    None,
    Failing,
    WorksAgain,
}

impl Pause {
    /// Whether a call may be tried; whoever is let in after a pause keeps others out until he has
    /// ended, or has taken `at_most`.
    pub(crate) fn lets_in(&self, at_most: Duration) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = state.until else { return true };
        let now = Instant::now();
        if now < until {
            return false;
        }
        state.until = Some(now + at_most);
        state.is_tried = true;
        true
    }

    pub(crate) fn ended(&self, is_well: bool) -> News {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_well {
            let had_failed = state.failures > 0;
            *state = State::default();
            return if had_failed { News::WorksAgain } else { News::None };
        }
        let now = Instant::now();
        if !state.is_tried && state.until.is_some_and(|until| now < until) {
            // Under way when the first failed: all of these are one failure.
            return News::None;
        }
        let pause = FIRST.saturating_mul(1 << state.failures.min(10)).min(LONGEST);
        state.failures = state.failures.saturating_add(1);
        state.until = Some(now + pause);
        state.is_tried = false;

        if state.failures == 1 { News::Failing } else { News::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Duration = Duration::from_millis(50);

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_one_call_at_a_time_is_let_in_and_ever_later() {
        let pause = Pause::default();
        assert!(pause.lets_in(CALL));
        assert_eq!(pause.ended(false), News::Failing);
        assert!(!pause.lets_in(CALL));

        tokio::time::advance(FIRST).await;
        assert!(pause.lets_in(CALL), "one tries");
        assert!(!pause.lets_in(CALL), "others don't wait for it");
        assert_eq!(pause.ended(false), News::None);
        tokio::time::advance(FIRST).await;
        assert!(!pause.lets_in(CALL), "the second pause is longer");

        tokio::time::advance(LONGEST).await;
        assert!(pause.lets_in(CALL));
        assert_eq!(pause.ended(true), News::WorksAgain);
        assert!(pause.lets_in(CALL) && pause.lets_in(CALL));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_under_way_when_the_first_failed_makes_the_pause_no_longer() {
        let pause = Pause::default();
        assert!((0..64).all(|_| pause.lets_in(CALL)));

        assert_eq!((0..64).filter(|_| pause.ended(false) == News::Failing).count(), 1);
        tokio::time::advance(FIRST).await;

        assert!(pause.lets_in(CALL));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_was_let_in_and_never_ends_keeps_nobody_out_for_ever() {
        let pause = Pause::default();
        pause.ended(false);
        tokio::time::advance(FIRST).await;
        assert!(pause.lets_in(CALL));

        tokio::time::advance(CALL).await;

        assert!(pause.lets_in(CALL));
    }
}

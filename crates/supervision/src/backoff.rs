//! The pause between a task's panic and its restart.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
/// Short enough that a task which is waiting when shutdown begins ends well within its bound.
const LONGEST: Duration = Duration::from_secs(2);
/// A task that ran for this long has recovered: its next pause is the first one again.
const STEADY_AFTER: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(crate) struct Backoff {
    panics: u32,
}

impl Backoff {
    /// The pause after a panic, given how long the task had run before it.
    pub(crate) fn after(&mut self, ran: Duration) -> Duration {
        if ran >= STEADY_AFTER {
            self.panics = 0;
        }
        let pause = FIRST.saturating_mul(1 << self.panics.min(10)).min(LONGEST);
        self.panics = self.panics.saturating_add(1);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_is_twice_as_long_up_to_two_seconds() {
        let mut backoff = Backoff::default();

        let pauses: Vec<_> = (0..6).map(|_| backoff.after(Duration::ZERO).as_millis()).collect();

        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 2_000]);
    }

    #[test]
    fn a_task_that_ran_for_long_starts_again_soon() {
        let mut backoff = Backoff::default();
        for _ in 0..6 {
            backoff.after(Duration::ZERO);
        }

        assert_eq!(backoff.after(STEADY_AFTER), FIRST);
    }
}

//! The moment until which a caller waits.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// Passed down through calls, so that no inner call takes longer than the outer one waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline has passed")]
pub struct DeadlinePassed;

impl Deadline {
    pub fn within(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// This deadline or `time` from now, whichever is earlier.
    #[must_use]
    pub fn at_most(self, time: Duration) -> Self {
        self.min(Self::within(time))
    }

    /// Zero once it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// Runs `work` until the deadline; does not start it after the deadline.
    pub async fn run<T>(self, work: impl Future<Output = T>) -> Result<T, DeadlinePassed> {
        if self.has_passed() {
            return Err(DeadlinePassed);
        }
        timeout_at(self.0, work).await.map_err(|_| DeadlinePassed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn work_ends_by_the_deadline() {
        let deadline = Deadline::within(2 * SECOND);

        assert_eq!(deadline.run(sleep(SECOND)).await, Ok(()));
        assert_eq!(deadline.remaining(), SECOND);
        assert_eq!(deadline.run(sleep(2 * SECOND)).await, Err(DeadlinePassed));
        assert!(deadline.has_passed());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_started_after_it() {
        let deadline = Deadline::within(SECOND);
        advance(SECOND).await;

        let ran = deadline.run(async { panic!("started") }).await;

        assert_eq!(ran, Err::<(), _>(DeadlinePassed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_of_the_work_may_have_an_earlier_deadline_and_never_a_later_one() {
        let deadline = Deadline::within(2 * SECOND);

        assert_eq!(deadline.at_most(SECOND).remaining(), SECOND);
        assert_eq!(deadline.at_most(3 * SECOND).remaining(), 2 * SECOND);
    }
}

//! Retries of idempotent calls: with a random backoff, and within a budget, so that a dependency that
//! is down does not receive more calls than one that is up.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ports::World;
use tokio::time::sleep;

use crate::deadline::Deadline;

/// What a first attempt adds to the budget, in thousandths of a retry: one retry for ten calls.
const EARNED: u32 = 100;
const COST: u32 = 1_000;
/// The budget at the start, and its maximum: ten retries.
const FULL: u32 = 10 * COST;

/// Shared by all calls of one dependency.
#[derive(Debug)]
pub struct Budget {
    thousandths: AtomicU32,
}

/// How many attempts, and how long to wait between them.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    pub attempts: u32,
    /// The backoff before the n-th retry is random, from zero up to this doubled n − 1 times …
    pub first_backoff: Duration,
    /// … and at most this.
    pub max_backoff: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { thousandths: AtomicU32::new(FULL) }
    }
}

impl Budget {
    fn earn(&self) {
        let more = |had: u32| Some(had.saturating_add(EARNED).min(FULL));

        let _ = self.thousandths.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    fn spend(&self) -> bool {
        let less = |had: u32| had.checked_sub(COST);

        self.thousandths.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl Default for Retry {
    /// Three attempts, for a call that a user waits for.
    fn default() -> Self {
        Self {
            attempts: 3,
            first_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
        }
    }
}

impl Retry {
    /// Repeats a call that failed with an error that `is_retryable`; returns the last error. An
    /// attempt whose outcome is unknown may be repeated, so the call must be idempotent.
    pub async fn idempotent<T, E>(
        &self,
        budget: &Budget,
        deadline: Deadline,
        world: &dyn World,
        is_retryable: impl Fn(&E) -> bool,
        mut call: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        budget.earn();

        for retry in 0.. {
            let error = match call().await {
                Err(error) if retry + 1 < self.attempts && is_retryable(&error) => error,
                ended => return ended,
            };
            let backoff = self.backoff(retry, world);
            if backoff >= deadline.remaining() || !budget.spend() {
                return Err(error);
            }
            sleep(backoff).await;
        }
        unreachable!("the last attempt returns")
    }

    /// With full jitter: callers that failed at the same time do not retry at the same time.
    pub fn backoff(&self, retry: u32, world: &dyn World) -> Duration {
        let most = self.first_backoff.saturating_mul(1 << retry.min(16)).min(self.max_backoff);
        let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);

        Duration::from_micros(
            u64::try_from(world.random() % (u128::from(most) + 1)).unwrap_or(most),
        )
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use tokio::time::Instant;

    use super::*;

    /// Randomness that is always the same number.
    struct Fixed(u128);

    impl World for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }

        fn random(&self) -> u128 {
            self.0
        }
    }

    /// Gives the longest backoff of a policy whose bound in microseconds plus one divides 2^128.
    const HIGH: Fixed = Fixed(u128::MAX);

    async fn failing(retry: Retry, budget: &Budget, within: Duration, world: &dyn World) -> u32 {
        let mut calls = 0;
        let ended = retry
            .idempotent(
                budget,
                Deadline::within(within),
                world,
                |_| true,
                async || {
                    calls += 1;
                    Err::<(), _>("down")
                },
            )
            .await;

        assert_eq!(ended, Err("down"));
        calls
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_has_as_many_attempts_as_allowed_and_returns_its_last_error() {
        let calls =
            failing(Retry::default(), &Budget::default(), Duration::from_secs(60), &HIGH).await;

        assert_eq!(calls, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_is_not_retryable_is_not_retried() {
        let mut calls = 0;
        let deadline = Deadline::within(Duration::from_secs(60));

        let ended = Retry::default()
            .idempotent(
                &Budget::default(),
                deadline,
                &HIGH,
                |_| false,
                async || {
                    calls += 1;
                    Err::<(), _>("declined")
                },
            )
            .await;

        assert_eq!((ended, calls), (Err("declined"), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_backoff_beyond_the_deadline_is_not_waited_for() {
        let began = Instant::now();
        let retry = Retry { first_backoff: Duration::from_secs(1), ..Retry::default() };

        let calls =
            failing(retry, &Budget::default(), Duration::from_millis(1), &Fixed(500_000)).await;

        assert_eq!((calls, began.elapsed()), (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn while_everything_fails_there_is_one_retry_for_ten_calls() {
        let budget = Budget::default();
        let mut calls = 0;

        for _ in 0..1_000 {
            calls += failing(Retry::default(), &budget, Duration::from_secs(60), &HIGH).await;
        }

        // A thousand first attempts, a hundred retries that they earn, ten from the start.
        assert!((1_100..=1_110).contains(&calls), "{calls}");
    }

    #[test]
    fn a_backoff_is_between_zero_and_the_doubled_bound() {
        let retry = Retry {
            attempts: 9,
            first_backoff: Duration::from_micros(100),
            max_backoff: Duration::from_micros(350),
        };
        let longest = |at: u32, most: u128| retry.backoff(at, &Fixed(most)).as_micros();

        assert_eq!([longest(0, 100), longest(1, 200), longest(2, 350)], [100, 200, 350]);
        assert_eq!(longest(40, 350), 350);
        assert_eq!(longest(1, 0), 0);
        assert_eq!(longest(1, 201), 0, "201 values, 0 to 200");
    }
}

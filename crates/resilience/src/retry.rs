//! Trying again: only what may be done twice, after a random pause, and only while few calls need
//! it, so that a dependency that is down is not asked more than one that is up.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ports::World;
use tokio::time::sleep;

use crate::deadline::Deadline;

/// What a first try gives to the budget, in thousandths of a retry: one retry for ten calls.
const EARNED: u32 = 100;
const COST: u32 = 1_000;
/// So that a program that has just started may retry at all: ten.
const FULL: u32 = 10 * COST;

/// Shared by all calls of one dependency.
#[derive(Debug)]
pub struct Budget {
    thousandths: AtomicU32,
}

/// How often, and how soon.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    pub tries: u32,
    /// The pause before the n-th retry is random, from nothing up to this doubled n − 1 times …
    pub first: Duration,
    /// … and at most this.
    pub longest: Duration,
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
    /// Three tries, for a call that somebody waits for.
    fn default() -> Self {
        Self { tries: 3, first: Duration::from_millis(100), longest: Duration::from_secs(2) }
    }
}

impl Retry {
    /// Calls again what failed in a way that `is_retryable`; the last failure is the answer. A call
    /// that was half done may be done twice: only an idempotent one may be handed in here.
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
                Err(error) if retry + 1 < self.tries && is_retryable(&error) => error,
                ended => return ended,
            };
            let pause = self.pause(retry, world);
            if pause >= deadline.remaining() || !budget.spend() {
                return Err(error);
            }
            sleep(pause).await;
        }
        unreachable!("the last try answers")
    }

    /// Full jitter: many callers that failed together do not come back together.
    pub fn pause(&self, retry: u32, world: &dyn World) -> Duration {
        let most = self.first.saturating_mul(1 << retry.min(16)).min(self.longest);
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

    /// Dice that always show the same.
    struct Fixed(u128);

    impl World for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }

        fn random(&self) -> u128 {
            self.0
        }
    }

    /// The longest pause of a policy whose bounds in microseconds divide this plus one.
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
    async fn a_call_is_tried_as_often_as_allowed_and_its_last_failure_is_the_answer() {
        let calls =
            failing(Retry::default(), &Budget::default(), Duration::from_secs(60), &HIGH).await;

        assert_eq!(calls, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_passing_failure_is_not_tried_again() {
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
    async fn nobody_pauses_past_the_deadline() {
        let began = Instant::now();
        let retry = Retry { first: Duration::from_secs(1), ..Retry::default() };

        let calls =
            failing(retry, &Budget::default(), Duration::from_millis(1), &Fixed(500_000)).await;

        assert_eq!((calls, began.elapsed()), (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn while_everything_fails_one_retry_in_ten_calls_is_made() {
        let budget = Budget::default();
        let mut calls = 0;

        for _ in 0..1_000 {
            calls += failing(Retry::default(), &budget, Duration::from_secs(60), &HIGH).await;
        }

        // A thousand first tries, a hundred retries that they earn, ten from the start.
        assert!((1_100..=1_110).contains(&calls), "{calls}");
    }

    #[test]
    fn a_pause_is_anything_from_nothing_to_the_doubled_bound() {
        let retry = Retry {
            tries: 9,
            first: Duration::from_micros(100),
            longest: Duration::from_micros(350),
        };
        let longest = |at: u32, most: u128| retry.pause(at, &Fixed(most)).as_micros();

        assert_eq!([longest(0, 100), longest(1, 200), longest(2, 350)], [100, 200, 350]);
        assert_eq!(longest(40, 350), 350);
        assert_eq!(longest(1, 0), 0);
        assert_eq!(longest(1, 201), 0, "201 values, 0 to 200");
    }
}

//! A token bucket: a burst of some size, then one call for each token that is refilled.

use std::time::Duration;

use tokio::time::Instant;

/// Exact and without a timer: it stores the moment at which it will be full again.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    size: u32,
    refill_interval: Duration,
    full_at: Instant,
}

impl TokenBucket {
    /// Starts full; a token is refilled after each `refill_interval`.
    pub fn new(size: u32, refill_interval: Duration) -> Self {
        Self { size: size.max(1), refill_interval, full_at: Instant::now() }
    }

    /// Takes a token; the error is how long to wait for the next one.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + self.refill_interval;
        let wait = full_at.saturating_duration_since(now + self.refill_interval * self.size);

        if !wait.is_zero() {
            return Err(wait);
        }
        self.full_at = full_at;
        Ok(())
    }

    /// Empties the bucket: another process has used up the tokens.
    pub fn drain(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now + self.refill_interval * self.size);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_full_bucket_gives_a_burst_of_its_size_and_then_one_per_interval() {
        let mut bucket = TokenBucket::new(3, SECOND);
        let now = Instant::now();

        assert!((0..3).all(|_| bucket.take(now).is_ok()));
        assert_eq!(bucket.take(now), Err(SECOND));
        assert_eq!(bucket.take(now + SECOND / 4), Err(SECOND * 3 / 4));
        assert_eq!(bucket.take(now + SECOND), Ok(()));
        assert_eq!(bucket.take(now + SECOND), Err(SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn a_drained_bucket_is_empty() {
        let mut bucket = TokenBucket::new(3, SECOND);
        let now = Instant::now();

        bucket.drain(now);

        assert_eq!(bucket.take(now), Err(SECOND));
        assert!(bucket.take(now + SECOND).is_ok());
    }

    proptest! {
        #[test]
        fn no_period_gives_more_than_the_size_and_the_refills(
            size in 1_u32..6, steps in prop::collection::vec(0_u64..1_500, 1..80),
        ) {
            let mut bucket = TokenBucket::new(size, SECOND);
            let start = Instant::now();
            let (mut at, mut taken) = (0, Vec::new());

            for step in steps {
                at += step;
                match bucket.take(start + Duration::from_millis(at)) {
                    Ok(()) => taken.push(at),
                    Err(wait) => prop_assert!(wait <= SECOND),
                }
            }

            for (index, from) in taken.iter().enumerate() {
                for (later, to) in taken.iter().enumerate().skip(index) {
                    let refilled = (to - from) / 1_000;
                    prop_assert!((later - index + 1) as u64 <= u64::from(size) + refilled);
                }
            }
        }
    }
}

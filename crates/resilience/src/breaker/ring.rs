//! The times of the latest failures, as many as it takes to open a breaker.

use std::time::Duration;

use tokio::time::Instant;

/// This many failures …
pub(crate) const FAILURES: usize = 5;
/// … within this time open a breaker.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

/// Exact and O(1): the slot to be written next holds the oldest of the five.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    times: [Option<Instant>; FAILURES],
    next: usize,
}

impl Ring {
    /// Records a failure. `true` if the fifth-latest one, including this, is at most [`WITHIN`] old.
    pub(crate) fn fail(&mut self, now: Instant) -> bool {
        self.times[self.next] = Some(now);
        self.next = (self.next + 1) % FAILURES;

        self.times[self.next].is_some_and(|fifth| now.saturating_duration_since(fifth) <= WITHIN)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Compared with a list of all failures of which those of the last minute are counted.
        #[test]
        fn five_times_decide_like_the_whole_history(steps in prop::collection::vec(0_u64..40_000, 1..60)) {
            let start = Instant::now();
            let (mut ring, mut all, mut at) = (Ring::default(), Vec::new(), 0);

            for step in steps {
                at += step;
                all.push(at);
                let opens = ring.fail(start + Duration::from_millis(at));

                let recent = all.iter().filter(|failed| at - **failed <= 60_000).count();
                prop_assert_eq!(opens, recent >= FAILURES);
            }
        }
    }
}

//! The times of the newest failures: as many as open a breaker.

use std::time::Duration;

use tokio::time::Instant;

/// So many failures …
pub(crate) const FAILURES: usize = 5;
/// … within this time open a breaker.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

/// Exact and O(1): the slot that is written next holds the oldest of the five.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    times: [Option<Instant>; FAILURES],
    next: usize,
}

impl Ring {
    /// Whether the fifth-newest failure, counting this one, is at most [`WITHIN`] old.
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
        /// The naive rule: keep every failure and count those of the last minute.
        #[test]
        fn five_times_are_enough_to_know(steps in prop::collection::vec(0_u64..40_000, 1..60)) {
            let born = Instant::now();
            let (mut ring, mut all, mut at) = (Ring::default(), Vec::new(), 0);

            for step in steps {
                at += step;
                all.push(at);
                let opens = ring.fail(born + Duration::from_millis(at));

                let recent = all.iter().filter(|failed| at - **failed <= 60_000).count();
                prop_assert_eq!(opens, recent >= FAILURES);
            }
        }
    }
}

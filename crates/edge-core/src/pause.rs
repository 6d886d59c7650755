//! Pauses, which a clock that is set back makes no longer.

use std::time::Duration;

use domain::Timestamp;

/// After a failure the stale response is served for this long before the origin is asked again.
pub const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Whether `now` is in the pause of at most `most` that ends at `until`.
pub fn is_before(now: Timestamp, until: Timestamp, most: Duration) -> bool {
    now < until && until.since(now) <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_and_a_clock_that_is_set_back_ends_it_too() {
        let now = Timestamp::from_millis(1_000_000);
        let until = now.plus(FAILURE_PAUSE);

        assert!(is_before(now, until, FAILURE_PAUSE));
        assert!(!is_before(until, until, FAILURE_PAUSE));
        assert!(!is_before(now.minus(FAILURE_PAUSE), until, FAILURE_PAUSE));
    }
}

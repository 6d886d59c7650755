//! Samples the log lines of cache misses, which would otherwise be most of the log.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The last segment of the target of a cache miss's event.
const MISS: &str = "miss";

pub(crate) struct Misses {
    /// 0 logs none.
    one_in: u64,
    seen: AtomicU64,
}

impl Misses {
    pub(crate) const fn new(one_in: u64) -> Self {
        Self { one_in, seen: AtomicU64::new(0) }
    }

    fn is_shown(&self) -> bool {
        let seen = self.seen.fetch_add(1, Ordering::Relaxed);

        seen.checked_rem(self.one_in) == Some(0)
    }
}

impl<S: Subscriber> Layer<S> for Misses {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let is_miss = event.metadata().target().rsplit("::").next() == Some(MISS);

        !is_miss || self.is_shown()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(one_in: u64) -> usize {
        let misses = Misses::new(one_in);

        (0..10).filter(|_| misses.is_shown()).count()
    }

    #[test]
    fn one_in_so_many_is_shown() {
        assert_eq!([shown(1), shown(2), shown(10), shown(0)], [10, 5, 1, 0]);
    }
}

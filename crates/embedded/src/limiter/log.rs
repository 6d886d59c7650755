//! The times of one subject's allowed requests, as far back as they count.

use std::collections::VecDeque;
use std::time::Duration;

use domain::limits::Limit;
use ports::Decision;

/// Up to this limit each request is stored with its exact time. For higher limits the window is
/// divided into this many slots, and a request counts at the end of its slot: the limit is never
/// exceeded, and a request counts longer by at most one slot.
const SLOTS: u32 = 4_096;

/// Oldest first.
#[derive(Debug, Default)]
pub(super) struct Log {
    runs: VecDeque<Run>,
    taken: u32,
}

/// Requests of one slot: their time in milliseconds and their number, packed into one word since
/// these are most of a limiter's memory.
#[derive(Clone, Copy, Debug)]
struct Run(u64);

impl Log {
    /// `now` never decreases, and is at least one window after 1970.
    pub(super) fn take(&mut self, now: u64, limit: Limit) -> Decision {
        if let Some(refused) = self.refusal(now, limit) {
            return refused;
        }
        let window = millis(limit.window);
        self.add(now.next_multiple_of(slot_millis(limit)));

        let remaining = limit.requests - self.taken;
        let oldest = self.runs.front().map_or(now, |run| run.at());
        Decision::allowed(remaining, until(oldest + window, now))
    }

    /// The refusal that [`Self::take`] would return, if any; counts nothing.
    pub(super) fn refusal(&mut self, now: u64, limit: Limit) -> Option<Decision> {
        let window = millis(limit.window);
        self.expire(now.saturating_sub(window));

        (self.taken >= limit.requests)
            .then(|| Decision::refused(self.wait_for_space(limit.requests, window, now)))
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Run>()
    }

    fn expire(&mut self, until: u64) {
        while let Some(run) = self.runs.front().filter(|run| run.at() <= until) {
            self.taken -= run.count();
            self.runs.pop_front();
        }
    }

    fn add(&mut self, at: u64) {
        self.taken += 1;
        match self.runs.back_mut() {
            Some(run) if run.at() == at && run.count() < Run::COUNT_MAX => run.0 += 1,
            _ => self.runs.push_back(Run::first(at)),
        }
    }

    /// How long until fewer requests than the limit remain in the window.
    fn wait_for_space(&self, limit: u32, window: u64, now: u64) -> Duration {
        let mut too_many = self.taken - limit;
        for run in &self.runs {
            if run.count() > too_many {
                return until(run.at() + window, now);
            }
            too_many -= run.count();
        }
        // A limit of zero never has space; any time is as good.
        Duration::from_millis(window)
    }
}

impl Run {
    const COUNT_BITS: u32 = 20;
    const COUNT_MAX: u32 = (1 << Self::COUNT_BITS) - 1;

    /// 44 bits of milliseconds since 1970 reach to the year 2527.
    const fn first(at: u64) -> Self {
        Self((at << Self::COUNT_BITS) | 1)
    }

    const fn at(self) -> u64 {
        self.0 >> Self::COUNT_BITS
    }

    const fn count(self) -> u32 {
        self.0 as u32 & Self::COUNT_MAX
    }
}

/// At least one millisecond: an empty window would count nothing.
pub(super) fn millis(window: Duration) -> u64 {
    u64::try_from(window.as_millis()).unwrap_or(u64::MAX >> Run::COUNT_BITS).max(1)
}

fn slot_millis(limit: Limit) -> u64 {
    if limit.requests <= SLOTS {
        return 1;
    }
    millis(limit.window).div_ceil(SLOTS.into())
}

const fn until(then: u64, now: u64) -> Duration {
    Duration::from_millis(then.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn limit(requests: u32, millis: u64) -> Limit {
        Limit { requests, window: Duration::from_millis(millis) }
    }

    proptest! {
        #[test]
        fn every_history_is_decided_as_by_a_plain_list_of_times(
            requests in 1..12_u32,
            window in 1..50_u64,
            pauses in prop::collection::vec(0..20_u64, 1..200),
        ) {
            let mut log = Log::default();
            let mut list: Vec<u64> = Vec::new();
            let mut now = 1_000_000;

            for pause in pauses {
                now += pause;
                list.retain(|at| at + window > now);
                let expected = if list.len() < requests as usize {
                    list.push(now);
                    Decision::allowed(requests - list.len() as u32, until(list[0] + window, now))
                } else {
                    Decision::refused(until(list[0] + window, now))
                };

                prop_assert_eq!(log.take(now, limit(requests, window)), expected);
            }
        }
    }

    #[test]
    fn a_limit_of_a_million_takes_little_memory_and_is_never_exceeded() {
        let wide = limit(1_000_000, 60_000);
        let mut log = Log::default();
        let mut allowed = 0;

        // 20 in each millisecond of a window: 1,200,000.
        for now in (1_000_000..1_060_000).flat_map(|now| [now; 20]) {
            allowed += u32::from(log.take(now, wide).is_allowed);
        }

        assert_eq!(allowed, 1_000_000);
        assert!(log.size_bytes() <= 2 * 8 * SLOTS as usize, "{}", log.size_bytes());
    }

    #[test]
    fn a_limit_of_zero_allows_nothing() {
        let refused = Log::default().take(1_000_000, limit(0, 1_000));

        assert_eq!(refused, Decision::refused(Duration::from_secs(1)));
    }
}

//! What came of a fetch, and what the client gets of it.

use domain::coherence::Verdict;

use crate::cache_status::{Detail, Forwarded};
use crate::decision::{Fetch, Outcome};
use crate::{CacheStatus, Failure};

/// What came of a fetch. `E` is a stored response, `R` one that is shown and not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchOutcome<E, R> {
    /// A response that may be stored.
    Cacheable {
        entry: E,
        /// The origin confirmed the stored bytes with a 304.
        is_validated: bool,
    },
    /// One that is shown and not stored.
    Uncacheable {
        response: R,
        status: u16,
        detail: Option<Detail>,
        /// Concurrent requests for the same key may be answered with it as well.
        is_shareable: bool,
    },
    Failed(Failure),
}

/// What the client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown<E, R> {
    Entry(E),
    Response(R),
    Problem(Failure),
}

impl<E, R> FetchOutcome<E, R> {
    /// For the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Cacheable { is_validated: true, .. } => "validated",
            Self::Cacheable { .. } => "cacheable",
            Self::Uncacheable { .. } => "uncacheable",
            Self::Failed(failure) => failure.name(),
        }
    }

    /// Whether the origin has failed, so that it is not asked again for this at once.
    pub fn has_failed(&self) -> bool {
        self.uncacheable().is_some_and(Outcome::is_failure)
    }

    /// Whether requests that waited for it may be answered with it; `is_valid` is what the change
    /// log now says of the entry, which it may have invalidated since it was asked for.
    pub fn is_for_waiters(&self, is_valid: impl FnOnce(&E) -> bool) -> bool {
        match self {
            Self::Cacheable { entry, .. } => is_valid(entry),
            Self::Uncacheable { is_shareable, .. } => *is_shareable,
            Self::Failed(_) => true,
        }
    }

    /// Whether later requests for the key should not wait for each other (hit-for-miss). After a
    /// 429 the next response may well be shareable.
    pub fn is_hit_for_miss(&self) -> bool {
        matches!(self, Self::Uncacheable { is_shareable: false, .. })
            && !self.uncacheable().is_some_and(Outcome::is_refusal)
    }

    /// What the client gets, and its `Cache-Status`. `stale` is the entry that may be served stale
    /// (RFC 5861 §4), if there is one, with what the change log says of it now: a row may have come
    /// while the origin was asked. `is_stored` tells whether the cache is on, `collapsed` whether
    /// another request fetched.
    pub fn show(
        self,
        plan: &Fetch,
        stale: Option<(E, Verdict)>,
        is_stored: bool,
        collapsed: bool,
    ) -> (Shown<E, R>, CacheStatus) {
        if let (Some((entry, verdict)), Some(outcome)) = (stale, self.uncacheable())
            && plan.is_served_stale(outcome, verdict)
        {
            return (Shown::Entry(entry), plan.stale_status(Some(outcome.status())));
        }
        let forwarded = |status, stored, detail| {
            CacheStatus::Forwarded(Forwarded { why: plan.why, status, stored, collapsed, detail })
        };

        match self {
            Self::Cacheable { entry, is_validated } => {
                let status = forwarded(is_validated.then_some(304), is_stored, plan.detail);
                (Shown::Entry(entry), status)
            }
            Self::Uncacheable { response, detail, .. } => {
                (Shown::Response(response), forwarded(None, false, detail.or(plan.detail)))
            }
            Self::Failed(failure) => (Shown::Problem(failure), forwarded(None, false, plan.detail)),
        }
    }

    /// `None` where the response may be stored.
    fn uncacheable(&self) -> Option<Outcome> {
        match self {
            Self::Cacheable { .. } => None,
            Self::Uncacheable { status, .. } => Some(Outcome::Answered(*status)),
            Self::Failed(failure) => Some(Outcome::Failed(*failure)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache_status::Forward;

    type One = FetchOutcome<&'static str, &'static str>;

    const PLAN: Fetch = Fetch {
        why: Forward::Stale,
        revalidate: true,
        may_serve_stale: true,
        refills: false,
        detail: Some(Detail::LogUnavailable),
    };
    const FAILED: One = FetchOutcome::Failed(Failure::Timeout);

    fn uncacheable(status: u16, detail: Option<Detail>, is_shareable: bool) -> One {
        FetchOutcome::Uncacheable { response: "response", status, detail, is_shareable }
    }

    fn printed(
        outcome: One,
        stale: Option<Verdict>,
    ) -> (Shown<&'static str, &'static str>, String) {
        let stale = stale.map(|verdict| ("stale", verdict));
        let (shown, status) = outcome.show(&PLAN, stale, true, false);

        (shown, status.to_string())
    }

    #[test]
    fn a_cacheable_response_is_shown_as_stored() {
        let fetched = FetchOutcome::Cacheable { entry: "entry", is_validated: false };
        let validated = FetchOutcome::Cacheable { entry: "entry", is_validated: true };

        let (shown, status) = printed(fetched, Some(Verdict::Valid));

        assert_eq!(shown, Shown::Entry("entry"));
        assert_eq!(status, "shopping-edge; fwd=stale; stored; detail=log-unavailable");
        let (_, status) = printed(validated, Some(Verdict::Valid));
        assert!(status.contains("fwd-status=304"), "{status}");
    }

    #[test]
    fn the_detail_of_a_response_goes_before_that_of_the_plan() {
        let (shown, status) = printed(uncacheable(200, Some(Detail::Behind), true), None);

        assert_eq!(shown, Shown::Response("response"));
        assert!(status.contains("behind"), "{status}");
    }

    #[test]
    fn a_failure_is_a_problem_only_where_nothing_stale_may_be_served() {
        let (shown, status) = printed(FAILED, Some(Verdict::Invalid));

        assert_eq!(shown, Shown::Entry("stale"));
        assert!(status.contains("fwd-status=504; detail=stale-if-error"), "{status}");
        for stale in [None, Some(Verdict::HardInvalidated)] {
            assert_eq!(printed(FAILED, stale).0, Shown::Problem(Failure::Timeout));
        }
    }

    #[test]
    fn waiters_get_what_is_valid_or_shareable() {
        let entry: One = FetchOutcome::Cacheable { entry: "entry", is_validated: false };

        assert!(entry.is_for_waiters(|_| true) && !entry.is_for_waiters(|_| false));
        for is_shareable in [false, true] {
            let outcome = uncacheable(200, None, is_shareable);
            assert_eq!(outcome.is_for_waiters(|_| true), is_shareable);
        }
        assert!(FAILED.is_for_waiters(|_| true));
    }

    #[test]
    fn only_what_is_one_clients_alone_is_a_hit_for_miss() {
        assert!(uncacheable(200, None, false).is_hit_for_miss());
        assert!(!uncacheable(200, None, true).is_hit_for_miss());
        assert!(!uncacheable(429, None, false).is_hit_for_miss(), "another client's may be shared");
        assert!(!FAILED.is_hit_for_miss());
    }

    #[test]
    fn an_error_of_the_origin_and_no_answer_at_all_are_failures() {
        assert!(FAILED.has_failed() && uncacheable(503, None, true).has_failed());
        assert!(!uncacheable(404, None, true).has_failed());
        assert!(!uncacheable(429, None, false).has_failed());
    }
}

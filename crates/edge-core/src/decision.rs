//! Whether a stored response may be used, and what to do otherwise: the rule of
//! [`domain::coherence`] together with age, and with how well the tier knows the change log.

mod reception;

use std::time::Duration;

use domain::coherence::Verdict;
use domain::{Resource, Seq, Stamp, TagHash, TagTable, Timestamp};

use crate::Failure;
use crate::cache_status::{CacheStatus, Detail, Forward, Forwarded};
use crate::failure::{REFUSAL, is_failure};

pub use reception::{Reception, is_outranked, known_tags, receive, required_seq};

/// What is kept beside an answer's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryMeta {
    pub resource: Resource,
    pub stamp: Stamp,
    pub tags: Box<[TagHash]>,
    /// When it was asked for: the age counts from before the origin read its data.
    pub stored_at: Timestamp,
    /// How old it already was then (`Age`, RFC 9111 §4.2.3).
    pub initial_age: Duration,
    /// Its own share of the table's TTL, see [`domain::policy::jittered`].
    pub ttl: Duration,
}

/// How long ago the tier last knew the head of the change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogAge(pub Duration);

/// What that age asks for before or after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogUse {
    Use,
    /// Use it, and read on after the answer.
    UseAndRefresh,
    /// Read on first, for at most [`REFRESH_DEADLINE`]; what is still unknown then is lost.
    RefreshFirst,
}

/// Younger tables are used as they are.
pub const LOG_FRESH: Duration = Duration::from_secs(1);
/// Older ones are refreshed before they are used.
pub const LOG_USABLE: Duration = Duration::from_secs(3);
/// How long an answer waits for the change log.
pub const REFRESH_DEADLINE: Duration = Duration::from_millis(300);

/// What to do with a cached read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Answer with the entry.
    Serve(Hit),
    /// Answer with the entry, and ask the origin behind the answer.
    ServeAndRefresh(Hit),
    Fetch(Fetch),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Seconds of freshness left; negative in the stale window.
    pub ttl: i64,
    pub detail: Option<Detail>,
}

/// A request to the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    pub why: Forward,
    /// The entry's bytes may still be right: ask with its entity tag.
    pub revalidate: bool,
    /// The entry may be shown when the origin fails (RFC 5861 §4).
    pub may_serve_stale: bool,
    /// The change log, and not its age, took the entry: what is asked for is a change that shoppers
    /// wait for, which the origin counts apart from other reads.
    pub refills: bool,
    pub detail: Option<Detail>,
}

impl LogAge {
    /// The tier has never read the log.
    pub const NEVER: Self = Self(Duration::MAX);

    pub fn usage(self) -> LogUse {
        if self.0 <= LOG_FRESH {
            LogUse::Use
        } else if self.0 <= LOG_USABLE {
            LogUse::UseAndRefresh
        } else {
            LogUse::RefreshFirst
        }
    }

    fn is_lost(self) -> bool {
        self.usage() == LogUse::RefreshFirst
    }
}

/// What came of asking the origin, where it is nothing that may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The origin did not answer, whatever something else on the way did.
    Failed(Failure),
    /// The origin answered with this status.
    Answered(u16),
}

impl Outcome {
    /// For `fwd-status`.
    pub const fn status(self) -> u16 {
        match self {
            Self::Failed(failure) => failure.status(),
            Self::Answered(status) => status,
        }
    }

    pub const fn is_failure(self) -> bool {
        match self {
            Self::Failed(_) => true,
            Self::Answered(status) => is_failure(status),
        }
    }

    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::Answered(REFUSAL))
    }
}

impl Fetch {
    /// Whether the entry, of which the log now says `verdict`, is shown in the place of what came.
    /// A refusal is no failure of the origin: it may keep an entry in use that is merely old, and
    /// never one that is known to be wrong.
    pub fn is_served_stale(&self, outcome: Outcome, verdict: Verdict) -> bool {
        let is_right = if outcome.is_refusal() {
            verdict.is_valid()
        } else {
            outcome.is_failure() && verdict != Verdict::HardInvalidated
        };

        self.may_serve_stale && is_right
    }

    /// Of the entry that is served stale; `failed_with` is the status of the failure, where the
    /// origin was asked.
    pub const fn stale_status(&self, failed_with: Option<u16>) -> CacheStatus {
        CacheStatus::Forwarded(Forwarded {
            why: self.why,
            status: failed_with,
            stored: false,
            collapsed: false,
            detail: Some(Detail::StaleIfError),
        })
    }

    /// For one request alone, whatever is stored.
    pub const fn alone(why: Forward, detail: Option<Detail>) -> Self {
        Self { why, revalidate: false, may_serve_stale: false, refills: false, detail }
    }
}

impl EntryMeta {
    /// RFC 9111 §4.2.3, with the whole of the way to the origin counted in.
    pub fn age(&self, now: Timestamp) -> Duration {
        self.initial_age.saturating_add(now.since(self.stored_at))
    }

    pub fn judge(&self, table: &TagTable) -> Verdict {
        table.judge(&self.stamp, &self.tags)
    }
}

/// What a tier's table says of an entry that it keeps. `judged` is the position at which the tier
/// last found it valid: an entry that is valid at a position counts as stamped with it. `None`: it
/// was filled while nothing was known of the log.
///
/// Of a stamp beyond the log only so much counts as the log had when the entry was judged: rows
/// that come later count, even if the origin says that they are in the answer. At worst that is one
/// needless miss; otherwise a wrong stamp would be trusted for ever.
pub fn verdict(entry: &EntryMeta, judged: Option<Seq>, table: Option<&TagTable>) -> Verdict {
    match (table, judged) {
        (Some(table), _) if entry.stamp.log != *table.log() => Verdict::HardInvalidated,
        (Some(table), Some(judged)) if judged == table.position() => Verdict::Valid,
        (Some(table), judged) => table.judge_seq(judged.unwrap_or(entry.stamp.seq), &entry.tags),
        (None, None) => Verdict::Valid,
        // A tier that knew the log and knows nothing now is between two logs.
        (None, Some(_)) => Verdict::HardInvalidated,
    }
}

/// Decides about an entry that was judged by the tier's table (by a tier that never had one:
/// [`Verdict::Valid`]). With [`LogUse::RefreshFirst`] the caller has tried to read the log before;
/// an age that is still beyond it means that the log is unavailable.
pub fn decide(entry: &EntryMeta, verdict: Verdict, log: LogAge, now: Timestamp) -> Decision {
    let policy = entry.resource.policy();
    let age = entry.age(now);
    let detail = log.is_lost().then_some(Detail::LogUnavailable);

    if verdict.is_valid() && is_known_enough(entry, age, log) {
        let hit = |detail| Hit { ttl: seconds_left(entry.ttl, age), detail };
        if age < entry.ttl {
            return Decision::Serve(hit(detail));
        }
        if age < entry.ttl.saturating_add(policy.stale_while_revalidate) {
            return Decision::ServeAndRefresh(hit(detail.or(Some(Detail::Revalidating))));
        }
    }

    let shown = verdict != Verdict::HardInvalidated;
    Decision::Fetch(Fetch {
        why: if verdict.is_valid() { Forward::Stale } else { Forward::Miss },
        revalidate: shown,
        may_serve_stale: shown && age < entry.ttl.saturating_add(policy.stale_if_error),
        refills: !verdict.is_valid(),
        detail,
    })
}

/// With the log in reach a judged entry is as good as its verdict. Without it, what happened since
/// the later of its filling and the last reading is unknown, and that time is bounded.
fn is_known_enough(entry: &EntryMeta, age: Duration, LogAge(log): LogAge) -> bool {
    log <= LOG_USABLE || age.min(log) <= entry.resource.clamp()
}

/// For a read of which nothing is kept.
pub fn without_entry(log: LogAge) -> Fetch {
    Fetch {
        why: Forward::UriMiss,
        revalidate: false,
        may_serve_stale: false,
        refills: false,
        detail: log.is_lost().then_some(Detail::LogUnavailable),
    }
}

/// Whole seconds, rounded towards less freshness.
fn seconds_left(ttl: Duration, age: Duration) -> i64 {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);

    (millis(ttl).saturating_sub(millis(age))).div_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use domain::LogId;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000_000);
    const CURRENT: LogAge = LogAge(Duration::ZERO);

    fn entry(resource: Resource, age_seconds: u64) -> EntryMeta {
        EntryMeta {
            resource,
            stamp: Stamp { log: LogId::new("L").unwrap(), seq: Seq(10) },
            tags: Box::new([TagHash::of("a")]),
            stored_at: NOW.minus(Duration::from_secs(age_seconds)),
            initial_age: Duration::ZERO,
            ttl: resource.policy().edge,
        }
    }

    fn lost(seconds: u64) -> LogAge {
        LogAge(Duration::from_secs(seconds))
    }

    fn fetch(decision: Decision) -> Fetch {
        match decision {
            Decision::Fetch(fetch) => fetch,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_fresh_valid_entry_is_served() {
        let decision = decide(&entry(Resource::Product, 10), Verdict::Valid, CURRENT, NOW);

        assert_eq!(decision, Decision::Serve(Hit { ttl: 590, detail: None }));
    }

    #[test]
    fn an_entry_in_its_stale_window_is_served_once_more_and_refreshed() {
        let decision = decide(&entry(Resource::Product, 600), Verdict::Valid, CURRENT, NOW);

        let detail = Some(Detail::Revalidating);
        assert_eq!(decision, Decision::ServeAndRefresh(Hit { ttl: 0, detail }));
        let Decision::ServeAndRefresh(hit) =
            decide(&entry(Resource::Product, 659), Verdict::Valid, CURRENT, NOW)
        else {
            panic!("still in the window");
        };
        assert_eq!(hit.ttl, -59);
    }

    #[test]
    fn past_the_window_it_is_validated_and_may_be_served_stale_if_the_origin_fails() {
        let fetched = fetch(decide(&entry(Resource::Product, 660), Verdict::Valid, CURRENT, NOW));

        assert_eq!(fetched.why, Forward::Stale);
        assert!(fetched.revalidate && fetched.may_serve_stale);
        let day = 86_400;
        let late =
            fetch(decide(&entry(Resource::Product, day + 600), Verdict::Valid, CURRENT, NOW));
        assert!(!late.may_serve_stale);
    }

    #[test]
    fn the_stale_window_is_about_age_and_never_about_an_invalid_entry() {
        for age in [0, 10, 600] {
            let entry = entry(Resource::Product, age);
            let fetched = fetch(decide(&entry, Verdict::Invalid, CURRENT, NOW));

            assert_eq!(fetched.why, Forward::Miss);
            assert!(fetched.may_serve_stale && fetched.revalidate);
        }
    }

    #[test]
    fn what_was_hard_invalidated_is_never_served_stale() {
        for log in [CURRENT, lost(30), LogAge::NEVER] {
            let fetched =
                fetch(decide(&entry(Resource::Product, 1), Verdict::HardInvalidated, log, NOW));

            assert!(!fetched.may_serve_stale && !fetched.revalidate);
        }
    }

    #[test]
    fn only_what_the_log_invalidated_is_refilled() {
        let refills = |age, verdict| {
            fetch(decide(&entry(Resource::Product, age), verdict, CURRENT, NOW)).refills
        };

        assert!(refills(1, Verdict::Invalid) && refills(1, Verdict::HardInvalidated));
        assert!(!refills(660, Verdict::Valid), "its age took it");
        assert!(!without_entry(CURRENT).refills, "nothing was held");
    }

    #[test]
    fn a_refusal_keeps_an_old_entry_in_use_and_none_that_is_known_to_be_wrong() {
        let old = fetch(decide(&entry(Resource::Product, 660), Verdict::Valid, CURRENT, NOW));
        let wrong = fetch(decide(&entry(Resource::Product, 1), Verdict::Invalid, CURRENT, NOW));

        assert!(old.is_served_stale(Outcome::Answered(429), Verdict::Valid));
        assert!(
            !old.is_served_stale(Outcome::Answered(429), Verdict::Invalid),
            "a row came while the origin was asked"
        );
        assert!(!wrong.is_served_stale(Outcome::Answered(429), Verdict::Invalid));
        for failure in [500, 502, 503, 504] {
            assert!(
                wrong.is_served_stale(Outcome::Answered(failure), Verdict::Invalid),
                "{failure}"
            );
            assert!(
                !wrong.is_served_stale(Outcome::Answered(failure), Verdict::HardInvalidated),
                "{failure}"
            );
        }
        assert!(
            !old.is_served_stale(Outcome::Answered(200), Verdict::Valid)
                && !old.is_served_stale(Outcome::Answered(404), Verdict::Valid)
        );
        for strange in [200, 302, 404, 429] {
            let foreign = Outcome::Failed(Failure::Foreign(strange));
            assert!(wrong.is_served_stale(foreign, Verdict::Invalid), "{strange}");
            assert!(!wrong.is_served_stale(foreign, Verdict::HardInvalidated), "{strange}");
        }
        assert!(!without_entry(CURRENT).is_served_stale(Outcome::Answered(503), Verdict::Valid));
    }

    #[test]
    fn without_the_log_an_answer_is_used_as_long_as_its_clamp() {
        let at = |age, log| decide(&entry(Resource::Product, age), Verdict::Valid, log, NOW);
        let detail = Some(Detail::LogUnavailable);

        assert_eq!(at(500, lost(60)), Decision::Serve(Hit { ttl: 100, detail }));
        assert_eq!(at(60, lost(500)), Decision::Serve(Hit { ttl: 540, detail }));
        assert_eq!(at(60, LogAge::NEVER), Decision::Serve(Hit { ttl: 540, detail }));
        let fetched = fetch(at(61, lost(61)));
        assert_eq!((fetched.why, fetched.may_serve_stale), (Forward::Stale, true));
        assert_eq!(fetched.detail, detail);
    }

    #[test]
    fn a_missing_thing_is_neither_served_stale_nor_on_error() {
        let fetched = fetch(decide(&entry(Resource::Missing, 20), Verdict::Valid, CURRENT, NOW));

        assert!(!fetched.may_serve_stale);
    }

    #[test]
    fn a_table_is_refreshed_behind_the_answer_and_then_before_it() {
        let usage = |millis| LogAge(Duration::from_millis(millis)).usage();

        assert_eq!(usage(1_000), LogUse::Use);
        assert_eq!(usage(1_001), LogUse::UseAndRefresh);
        assert_eq!(usage(3_000), LogUse::UseAndRefresh);
        assert_eq!(usage(3_001), LogUse::RefreshFirst);
        assert_eq!(LogAge::NEVER.usage(), LogUse::RefreshFirst);
    }

    #[test]
    fn the_age_counts_what_an_answer_brought_along() {
        let entry =
            EntryMeta { initial_age: Duration::from_secs(5), ..entry(Resource::Product, 10) };

        assert_eq!(entry.age(NOW), Duration::from_secs(15));
        assert_eq!(entry.age(Timestamp::from_millis(0)), Duration::from_secs(5));
    }
}

//! Whether a request may be answered with what is kept, and what to do otherwise (RFC 9111 §4).

use std::time::Duration;

use domain::Timestamp;

use super::directives::{FieldNames, MaxStale, RequestDirectives};
use super::stored::Stored;
use crate::cache_status::{Detail, Forward};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Serve(Hit),
    /// And ask the origin behind the answer (RFC 5861 §3).
    ServeAndRefresh(Hit),
    /// Ask the origin: with the validators of what is kept, if anything is and it has some.
    Fetch(Forward),
    /// The client wants no request to the origin, and there is nothing to answer with: 504
    /// (§5.2.1.7).
    OnlyIfCached,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    pub ttl: i64,
    pub detail: Option<Detail>,
}

/// `nothing` is why there is nothing, where there is nothing.
pub fn decide(
    wants: &RequestDirectives,
    stored: Option<&Stored>,
    nothing: Forward,
    now: Timestamp,
) -> Decision {
    let decided = match stored {
        Some(_) if wants.no_store => Decision::Fetch(Forward::Request),
        Some(stored) => of_stored(wants, stored, now),
        None => Decision::Fetch(nothing),
    };

    match decided {
        Decision::Fetch(_) if wants.only_if_cached => Decision::OnlyIfCached,
        decided => decided,
    }
}

fn of_stored(wants: &RequestDirectives, stored: &Stored, now: Timestamp) -> Decision {
    if stored.directives.no_cache == FieldNames::All {
        return Decision::Fetch(Forward::Stale);
    }
    if wants.no_cache || is_too_old_for(wants, stored, now) {
        return Decision::Fetch(Forward::Request);
    }
    let hit = |detail| Hit { ttl: stored.ttl(now), detail };

    if stored.is_fresh(now) || is_fine_though_stale(wants, stored, now) {
        Decision::Serve(hit(None))
    } else if stored.is_in_refresh_window(now) && wants.max_age.is_none() {
        // A client that names an age does not want stale responses unless it says so (§5.2.1.1).
        Decision::ServeAndRefresh(hit(Some(Detail::Revalidating)))
    } else {
        Decision::Fetch(Forward::Stale)
    }
}

fn is_too_old_for(wants: &RequestDirectives, stored: &Stored, now: Timestamp) -> bool {
    let age = stored.age(now);
    let left = stored.lifetime().saturating_sub(age);
    let is_old = wants.max_age.is_some_and(|most| age > Duration::from_secs(most));
    let is_near_its_end = wants.min_fresh.is_some_and(|least| left < Duration::from_secs(least));

    is_old || is_near_its_end
}

/// `max-stale` (§5.2.1.2), where the answer itself does not forbid it.
fn is_fine_though_stale(wants: &RequestDirectives, stored: &Stored, now: Timestamp) -> bool {
    let Some(most) = wants.max_stale else { return false };
    let stale_for = stored.age(now).saturating_sub(stored.lifetime());
    let is_within = match most {
        MaxStale::Any => true,
        MaxStale::Seconds(seconds) => stale_for <= Duration::from_secs(seconds),
    };

    is_within && !stored.is_fresh(now) && !stored.directives.forbid_stale()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, StatusCode};
    use proptest::prelude::*;

    use super::super::{Received, RequestView};
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_795_442_552_400);
    const FETCH: Decision = Decision::Fetch(Forward::Request);
    const STALE: Decision = Decision::Fetch(Forward::Stale);

    fn stored(field: &str) -> Stored {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", field.parse().unwrap());
        headers.insert("etag", "\"a\"".parse().unwrap());
        let received =
            Received { status: StatusCode::OK, headers, requested_at: AT, received_at: AT };

        Stored::of(&RequestView { method: &Method::GET, headers: &HeaderMap::new() }, &received)
            .unwrap()
    }

    /// What to do with an answer that said `field`, so many seconds later, for who `wants`.
    fn of(field: &str, seconds: u64, wants: &str) -> Decision {
        let now = AT.plus(Duration::from_secs(seconds));
        let wants = RequestDirectives::parse(wants);

        decide(&wants, Some(&stored(field)), Forward::UriMiss, now)
    }

    fn serve(ttl: i64) -> Decision {
        Decision::Serve(Hit { ttl, detail: None })
    }

    #[test]
    fn what_is_fresh_is_served_and_what_is_stale_is_validated() {
        assert_eq!(of("max-age=60", 59, ""), serve(1));
        assert_eq!(of("max-age=60", 60, ""), STALE);
        assert_eq!(of("max-age=60, no-cache", 0, ""), STALE);
    }

    #[test]
    fn within_its_window_a_stale_answer_is_served_and_refreshed() {
        let field = "max-age=10, stale-while-revalidate=20";
        let hit = Hit { ttl: -19, detail: Some(Detail::Revalidating) };

        assert_eq!(of(field, 29, ""), Decision::ServeAndRefresh(hit));
        assert_eq!(of(field, 30, ""), STALE);
        assert_eq!(of(&format!("{field}, must-revalidate"), 11, ""), STALE);
    }

    #[test]
    fn a_client_may_want_it_fresher() {
        for wants in ["no-cache", "no-store", "max-age=4", "min-fresh=56"] {
            assert_eq!(of("max-age=60", 5, wants), FETCH, "{wants}");
        }
        for wants in ["max-age=5", "min-fresh=55"] {
            assert_eq!(of("max-age=60", 5, wants), serve(55), "{wants}");
        }
    }

    #[test]
    fn a_client_may_be_content_with_less_where_the_origin_is() {
        assert_eq!(of("max-age=10", 20, "max-stale"), serve(-10));
        assert_eq!(of("max-age=10", 20, "max-stale=10"), serve(-10));
        assert_eq!(of("max-age=10", 20, "max-stale=9"), STALE);
        assert_eq!(of("max-age=10, must-revalidate", 20, "max-stale"), STALE);
        assert_eq!(of("max-age=10, no-cache", 20, "max-stale"), STALE);
    }

    #[test]
    fn who_wants_only_what_is_cached_gets_that_or_a_504() {
        let nothing = RequestDirectives::parse("only-if-cached");

        assert_eq!(decide(&nothing, None, Forward::UriMiss, AT), Decision::OnlyIfCached);
        assert_eq!(of("max-age=60", 60, "only-if-cached"), Decision::OnlyIfCached);
        assert_eq!(of("max-age=60", 0, "only-if-cached"), serve(60));
    }

    #[test]
    fn where_nothing_is_kept_the_origin_is_asked() {
        let wants = RequestDirectives::default();

        let decided = decide(&wants, None, Forward::UriMiss, AT);

        assert_eq!(decided, Decision::Fetch(Forward::UriMiss));
    }

    proptest! {
        /// Time takes away and never gives.
        #[test]
        fn what_must_be_fetched_now_must_be_fetched_later(
            field in "max-age=[0-9]{1,3}(, stale-while-revalidate=[0-9]{1,3})?(, no-cache)?",
            wants in "(max-age=[0-9]{1,3})?,(max-stale=[0-9]{1,3})?,(min-fresh=[0-9]{1,3})?",
            first in 0_u64..1_500,
            later in 0_u64..1_500,
        ) {
            let is_fetched = |seconds| matches!(of(&field, seconds, &wants), Decision::Fetch(_));

            prop_assert!(!is_fetched(first) || is_fetched(first + later));
        }
    }
}

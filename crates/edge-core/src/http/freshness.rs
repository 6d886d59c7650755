//! How long an answer is fresh, and how old it is (RFC 9111 §4.2).

use std::time::Duration;

use domain::Timestamp;
use http::header::{AGE, DATE, EXPIRES, LAST_MODIFIED};
use http::{HeaderMap, StatusCode};

use super::date;
use super::fields::{combined, delta_seconds, members};
use super::targeted::EffectiveDirectives;

/// "A typical setting of this fraction might be 10%" (§4.2.2) …
const HEURISTIC_SHARE: u32 = 10;
/// … and a day is the most that a page without an explicit lifetime may be behind.
const HEURISTIC_MAX: Duration = Duration::from_secs(86_400);

/// `None` if the answer gives no lifetime and none can be guessed.
pub(super) fn lifetime(
    status: StatusCode,
    headers: &HeaderMap,
    effective: &EffectiveDirectives,
    received_at: Timestamp,
) -> Option<Duration> {
    explicit(headers, effective, received_at).or_else(|| {
        let may_guess = is_heuristically_cacheable(status) || effective.directives.public;
        may_guess.then(|| heuristic(headers, received_at))?
    })
}

/// `s-maxage`, else `max-age`, else `Expires` (§4.2.1).
pub(super) fn explicit(
    headers: &HeaderMap,
    effective: &EffectiveDirectives,
    received_at: Timestamp,
) -> Option<Duration> {
    if let Some(seconds) = effective.directives.s_maxage.or(effective.directives.max_age) {
        return Some(Duration::from_secs(seconds));
    }
    if effective.is_targeted {
        return None;
    }
    // What can't be read, "especially the value 0", has passed (§5.3); two of them can't be read.
    let expires = combined(headers, &EXPIRES)?;
    let expires = date::parse(&expires, received_at);

    Some(expires.map_or(Duration::ZERO, |at| at.since(date_of(headers, received_at))))
}

fn heuristic(headers: &HeaderMap, received_at: Timestamp) -> Option<Duration> {
    let modified = date::parse(&combined(headers, &LAST_MODIFIED)?, received_at)?;
    let unchanged_for = date_of(headers, received_at).since(modified);

    Some((unchanged_for / HEURISTIC_SHARE).min(HEURISTIC_MAX))
}

/// RFC 9110 §15.1.
pub(super) fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// How old it was when it arrived (§4.2.3).
pub(super) fn initial_age(
    headers: &HeaderMap,
    requested_at: Timestamp,
    received_at: Timestamp,
) -> Duration {
    // `Date` knows no fractions of a second: what is less than one may be none.
    let apparent = received_at.since(date_of(headers, received_at)).as_secs();
    let corrected = age_field(headers) + received_at.since(requested_at);

    corrected.max(Duration::from_secs(apparent))
}

/// The first of several; what is no number is ignored (§5.1).
fn age_field(headers: &HeaderMap) -> Duration {
    let field = combined(headers, &AGE).unwrap_or_default();

    Duration::from_secs(members(&field).next().and_then(delta_seconds).unwrap_or_default())
}

/// Without a date it was made when it came (RFC 9110 §6.6.1).
pub(super) fn date_of(headers: &HeaderMap, received_at: Timestamp) -> Timestamp {
    combined(headers, &DATE).and_then(|date| date::parse(&date, received_at)).unwrap_or(received_at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_795_442_552_400);

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn after(seconds: u64) -> String {
        date::print(AT.plus(Duration::from_secs(seconds)))
    }

    fn before(seconds: u64) -> String {
        date::print(AT.minus(Duration::from_secs(seconds)))
    }

    fn seconds_fresh(lines: &[(&'static str, &str)]) -> Option<u64> {
        let headers = headers(lines);

        lifetime(StatusCode::OK, &headers, &EffectiveDirectives::by(&headers), AT)
            .map(|fresh| fresh.as_secs())
    }

    fn seconds_old(lines: &[(&'static str, &str)]) -> u64 {
        initial_age(&headers(lines), AT, AT).as_secs()
    }

    #[test]
    fn the_more_special_word_wins() {
        let (date, expires) = (after(0), after(30));
        let all = [
            ("date", date.as_str()),
            ("expires", expires.as_str()),
            ("cache-control", "max-age=20, s-maxage=10"),
            ("cdn-cache-control", "max-age=40"),
        ];

        assert_eq!(seconds_fresh(&all), Some(40));
        assert_eq!(seconds_fresh(&all[..3]), Some(10));
        assert_eq!(seconds_fresh(&all[..2]), Some(30));
        assert_eq!(seconds_fresh(&all[..1]), None);
    }

    #[test]
    fn expires_counts_from_the_answers_own_date() {
        assert_eq!(seconds_fresh(&[("date", &before(10)), ("expires", &after(10))]), Some(20));
        assert_eq!(seconds_fresh(&[("date", &after(10)), ("expires", &after(20))]), Some(10));
        assert_eq!(seconds_fresh(&[("date", &after(400)), ("expires", &after(300))]), Some(0));
        assert_eq!(seconds_fresh(&[("date", "foo"), ("expires", &after(10))]), Some(9));
    }

    #[test]
    fn an_expires_that_can_not_be_read_has_passed() {
        let twice = [("expires", after(10)), ("expires", after(20))];
        let twice: Vec<_> = twice.iter().map(|(name, value)| (*name, value.as_str())).collect();

        assert_eq!(seconds_fresh(&[("expires", "0")]), Some(0));
        assert_eq!(seconds_fresh(&twice), Some(0));
    }

    #[test]
    fn without_an_explicit_lifetime_a_tenth_of_the_time_since_the_last_change_is_guessed() {
        let now = after(0);
        let guess = |modified: &str| seconds_fresh(&[("last-modified", modified), ("date", &now)]);

        assert_eq!(guess(&before(86_400)), Some(8_640));
        assert_eq!(guess(&before(86_400 * 365)), Some(86_400));
        assert_eq!(guess("yesterday"), None);
    }

    #[test]
    fn a_status_that_is_not_for_guessing_needs_a_word() {
        let date = before(86_400);
        let silent = headers(&[("last-modified", &date)]);
        let public = headers(&[("last-modified", &date), ("cache-control", "public")]);
        let of = |headers: &HeaderMap| {
            lifetime(StatusCode::FORBIDDEN, headers, &EffectiveDirectives::by(headers), AT)
                .is_some()
        };

        assert!(!of(&silent));
        assert!(of(&public));
    }

    #[test]
    fn an_age_is_the_first_of_several_and_nonsense_is_none() {
        assert_eq!(seconds_old(&[("age", "30")]), 30);
        assert_eq!(seconds_old(&[("age", "7200, 0")]), 7_200);
        assert_eq!(seconds_old(&[("age", "0"), ("age", "7200")]), 0);
        assert_eq!(seconds_old(&[("age", "99999999999999999999")]), 1 << 31);
        for nonsense in ["abc", "-7200", "7200.0", "7200;foo=bar", ""] {
            assert_eq!(seconds_old(&[("age", nonsense)]), 0, "{nonsense}");
        }
    }

    #[test]
    fn an_answer_is_as_old_as_its_date_or_its_age_and_its_way_say() {
        assert_eq!(seconds_old(&[("date", &before(7_200)), ("age", "30")]), 7_200);
        assert_eq!(seconds_old(&[("date", &after(7_200)), ("age", "30")]), 30);
        let asked = AT.minus(Duration::from_secs(4));
        assert_eq!(initial_age(&headers(&[("age", "3")]), asked, AT).as_secs(), 7);
    }

    proptest! {
        #[test]
        fn a_longer_way_makes_no_answer_younger(age in 0_u64..1 << 33, way in 0_u64..10_000_000) {
            let headers = headers(&[("age", &age.to_string())]);
            let asked = AT.minus(Duration::from_millis(way));

            prop_assert!(initial_age(&headers, asked, AT) >= initial_age(&headers, AT, AT));
        }
    }
}

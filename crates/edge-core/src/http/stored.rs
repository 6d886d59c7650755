//! What is kept of an answer beside its body, and what can be told from it at any later moment.

use std::time::Duration;

use domain::Timestamp;
use http::header::{AGE, DATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::directives::{FieldNames, ResponseDirectives};
use super::storable::{self, NotStorable};
use super::targeted::EffectiveDirectives;
use super::validation::merged;
use super::vary::Variant;
use super::{date, end_to_end, freshness};

/// A request, as far as caching goes.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
}

/// The head of an answer as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub requested_at: Timestamp,
    pub received_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct Stored {
    pub status: StatusCode,
    /// End to end, with a `Date` and without `Age`.
    pub headers: HeaderMap,
    pub variant: Variant,
    pub(super) directives: ResponseDirectives,
    lifetime: Duration,
    initial_age: Duration,
    received_at: Timestamp,
}

impl Received {
    /// What of it goes on to the client: end to end, and with a date (RFC 9110 §6.6.1: "A recipient
    /// with a clock that receives a response message without a Date header field MUST record the
    /// time it was received").
    pub fn onward(&self) -> HeaderMap {
        let mut headers = end_to_end(&self.headers);

        if !headers.contains_key(DATE) {
            let printed = HeaderValue::try_from(date::print(self.received_at));
            headers.insert(DATE, printed.expect("a date is printable ASCII"));
        }
        headers
    }

    /// The fields that a qualified `no-cache` names (RFC 9111 §5.2.2.4). They are not kept, and go
    /// to the client alone whose request brought them.
    pub fn withheld(&self) -> HeaderMap {
        let headers = end_to_end(&self.headers);
        let mut withheld = HeaderMap::new();
        let FieldNames::Named(names) = EffectiveDirectives::by(&headers).directives.no_cache else {
            return withheld;
        };

        for (name, value) in headers.iter().filter(|(name, _)| names.contains(name)) {
            withheld.append(name, value.clone());
        }
        withheld
    }

    /// The kept answer under the head that this 304, or answer to a HEAD, has brought.
    pub fn freshening(&self, stored: &Stored) -> Self {
        Self {
            status: stored.status,
            headers: merged(&stored.headers, &self.headers),
            requested_at: self.requested_at,
            received_at: self.received_at,
        }
    }
}

impl Stored {
    /// Of an answer that may be kept.
    pub fn of(request: &RequestView<'_>, received: &Received) -> Result<Self, NotStorable> {
        let Received { status, requested_at, received_at, .. } = *received;
        let mut headers = received.onward();
        let effective = EffectiveDirectives::by(&headers);
        storable::may_store(request, status, &headers, &effective, received_at)?;
        let variant = Variant::of(&headers, request.headers).ok_or(NotStorable::Vary)?;
        let lifetime = freshness::lifetime(status, &headers, &effective, received_at);
        let initial_age = freshness::initial_age(&headers, requested_at, received_at);

        headers.remove(AGE);
        // Such a field may not be shown again without asking (RFC 9111 §5.2.2.4): it is not kept.
        if let FieldNames::Named(names) = &effective.directives.no_cache {
            for name in names {
                headers.remove(name);
            }
        }
        Ok(Self {
            status,
            headers,
            variant,
            directives: effective.directives,
            lifetime: lifetime.unwrap_or_default(),
            initial_age,
            received_at,
        })
    }

    /// RFC 9111 §4.2.3.
    pub fn age(&self, now: Timestamp) -> Duration {
        self.initial_age.saturating_add(now.since(self.received_at))
    }

    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.age(now) < self.lifetime
    }

    /// Seconds of freshness left, negative when it is stale: `ttl` of RFC 9211.
    pub fn ttl(&self, now: Timestamp) -> i64 {
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);

        seconds(self.lifetime).saturating_sub(seconds(self.age(now)))
    }

    /// Stale, and to be shown all the same while it is refreshed (RFC 5861 §3).
    pub fn is_in_refresh_window(&self, now: Timestamp) -> bool {
        self.is_stale_within(self.directives.stale_while_revalidate, now)
    }

    /// To be shown instead of an error (RFC 5861 §4).
    pub fn may_serve_stale(&self, now: Timestamp) -> bool {
        self.is_stale_within(self.directives.stale_if_error, now)
    }

    fn is_stale_within(&self, window: u64, now: Timestamp) -> bool {
        let shown_until = self.lifetime.saturating_add(Duration::from_secs(window));

        window > 0 && !self.directives.forbid_stale() && self.age(now) < shown_until
    }

    /// What it takes in memory without its body: about 100 a field.
    pub fn size_bytes(&self) -> usize {
        let values: usize = self.headers.values().map(HeaderValue::len).sum();

        size_of::<Self>() + 100 * self.headers.len() + values + self.variant.size_bytes()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_795_442_552_400);

    fn stored(lines: &[(&'static str, &str)]) -> Stored {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let received =
            Received { status: StatusCode::OK, headers, requested_at: AT, received_at: AT };
        let asked = RequestView { method: &Method::GET, headers: &HeaderMap::new() };

        Stored::of(&asked, &received).unwrap()
    }

    fn in_seconds(seconds: u64) -> Timestamp {
        AT.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn it_is_fresh_until_its_age_reaches_its_lifetime() {
        let stored = stored(&[("cache-control", "max-age=60"), ("age", "20")]);

        assert!(stored.is_fresh(in_seconds(39)));
        assert!(!stored.is_fresh(in_seconds(40)));
        assert_eq!((stored.ttl(in_seconds(39)), stored.ttl(in_seconds(50))), (1, -10));
        assert_eq!(stored.age(in_seconds(39)).as_secs(), 59);
    }

    #[test]
    fn an_answer_without_a_date_gets_the_moment_it_came() {
        let stored = stored(&[("cache-control", "max-age=60")]);

        assert_eq!(stored.headers["date"], "Mon, 23 Nov 2026 14:02:32 GMT");
    }

    #[test]
    fn fields_that_no_cache_names_are_not_kept() {
        let stored = stored(&[
            ("cache-control", "no-cache=\"a, b\", max-age=60"),
            ("a", "1"),
            ("b", "2"),
            ("c", "3"),
            ("age", "0"),
        ]);

        assert!(stored.is_fresh(AT));
        assert!(!stored.headers.contains_key("a") && !stored.headers.contains_key("b"));
        assert!(stored.headers.contains_key("c") && !stored.headers.contains_key("age"));
    }

    #[test]
    fn what_is_not_kept_is_for_the_one_who_asked() {
        let field = "no-cache=\"Set-Cookie, x\", max-age=60";
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("cache-control", field), ("set-cookie", "a"), ("set-cookie", "b"), ("y", "1")]
        {
            headers.append(name, value.parse().unwrap());
        }
        let received =
            Received { status: StatusCode::OK, headers, requested_at: AT, received_at: AT };

        let withheld = received.withheld();

        assert_eq!(withheld.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(withheld.len(), 2);
        let mut plain = received;
        plain.headers.insert("cache-control", "no-cache".parse().unwrap());
        assert!(plain.withheld().is_empty());
    }

    #[test]
    fn stale_answers_are_shown_in_their_windows_alone() {
        let field = "max-age=10, stale-while-revalidate=20, stale-if-error=30";
        let both = stored(&[("cache-control", field)]);

        assert!(both.is_in_refresh_window(in_seconds(29)) && both.may_serve_stale(in_seconds(39)));
        assert!(
            !both.is_in_refresh_window(in_seconds(30)) && !both.may_serve_stale(in_seconds(40))
        );
        let strict = stored(&[("cache-control", &format!("{field}, must-revalidate"))]);
        assert!(!strict.is_in_refresh_window(in_seconds(11)));
        assert!(!strict.may_serve_stale(in_seconds(11)));
    }

    proptest! {
        #[test]
        fn what_is_stale_does_not_become_fresh_again(
            max_age in 0_u64..100_000,
            first in 0_u64..200_000,
            later in 0_u64..200_000,
        ) {
            let field = format!("max-age={max_age}");
            let stored = stored(&[("cache-control", &field), ("etag", "\"a\"")]);
            let (before, after) = (in_seconds(first), in_seconds(first + later));

            prop_assert!(stored.age(after) >= stored.age(before));
            prop_assert!(stored.is_fresh(before) || !stored.is_fresh(after));
        }
    }
}

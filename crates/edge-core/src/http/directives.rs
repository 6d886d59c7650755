//! `Cache-Control` (RFC 9111 §5.2), of requests and of answers.

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName};

use super::fields::{combined, delta_seconds, members, unquoted};

/// What an answer says of its own caching.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    /// In seconds, like all numbers here. What is malformed, or said twice and differently, is
    /// zero: an answer of doubtful freshness is stale (§4.2.1).
    pub max_age: Option<u64>,
    pub s_maxage: Option<u64>,
    pub no_store: bool,
    pub no_cache: FieldNames,
    /// With or without names: a shared cache keeps none of it (§5.2.2.7 permits that).
    pub private: bool,
    pub public: bool,
    pub must_revalidate: bool,
    pub proxy_revalidate: bool,
    pub must_understand: bool,
    /// RFC 5861.
    pub stale_while_revalidate: u64,
    pub stale_if_error: u64,
}

/// What `no-cache` is about (§5.2.2.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FieldNames {
    #[default]
    None,
    /// These fields alone: the rest may be used without asking.
    Named(Vec<HeaderName>),
    All,
}

/// What a request wants of a cache (§5.2.1); all of it is advice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    pub max_age: Option<u64>,
    pub max_stale: Option<MaxStale>,
    pub min_fresh: Option<u64>,
    pub no_cache: bool,
    pub no_store: bool,
    pub only_if_cached: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxStale {
    Any,
    Seconds(u64),
}

impl ResponseDirectives {
    pub fn of(headers: &HeaderMap) -> Self {
        combined(headers, &CACHE_CONTROL).map(|field| Self::parse(&field)).unwrap_or_default()
    }

    pub fn parse(field: &str) -> Self {
        let mut directives = Self::default();

        for (name, value) in pairs(field) {
            let value = value.as_deref();
            match name.as_str() {
                "max-age" => directives.max_age = Some(lifetime(directives.max_age, value)),
                "s-maxage" => directives.s_maxage = Some(lifetime(directives.s_maxage, value)),
                "no-store" => directives.no_store = true,
                "no-cache" => directives.no_cache.add(value),
                "private" => directives.private = true,
                "public" => directives.public = true,
                "must-revalidate" => directives.must_revalidate = true,
                "proxy-revalidate" => directives.proxy_revalidate = true,
                "must-understand" => directives.must_understand = true,
                "stale-while-revalidate" => directives.stale_while_revalidate = window(value),
                "stale-if-error" => directives.stale_if_error = window(value),
                _ => {}
            }
        }
        directives
    }

    /// Whether no stale answer may be shown whatever else is allowed (§4.2.4). `s-maxage` says so
    /// too (§5.2.2.10).
    pub fn forbid_stale(&self) -> bool {
        self.must_revalidate
            || self.proxy_revalidate
            || self.s_maxage.is_some()
            || self.no_cache == FieldNames::All
    }
}

impl FieldNames {
    /// A list that can't be read is about everything.
    pub(super) fn add(&mut self, list: Option<&str>) {
        let named = list.map(|list| members(list).map(|name| name.parse().ok()).collect());

        *self = match (std::mem::take(self), named) {
            (Self::None, Some(Some(names))) => Self::Named(names),
            (Self::Named(mut names), Some(Some(more))) => {
                names.extend::<Vec<HeaderName>>(more);
                Self::Named(names)
            }
            _ => Self::All,
        };
    }
}

impl RequestDirectives {
    pub fn of(headers: &HeaderMap) -> Self {
        combined(headers, &CACHE_CONTROL).map(|field| Self::parse(&field)).unwrap_or_default()
    }

    /// A number that can't be read is as good as none.
    pub fn parse(field: &str) -> Self {
        let mut directives = Self::default();

        for (name, value) in pairs(field) {
            let seconds = value.as_deref().and_then(delta_seconds);
            match name.as_str() {
                "max-age" => directives.max_age = seconds,
                "max-stale" => {
                    directives.max_stale = match value {
                        None => Some(MaxStale::Any),
                        Some(_) => seconds.map(MaxStale::Seconds),
                    };
                }
                "min-fresh" => directives.min_fresh = seconds,
                "no-cache" => directives.no_cache = true,
                "no-store" => directives.no_store = true,
                "only-if-cached" => directives.only_if_cached = true,
                _ => {}
            }
        }
        directives
    }
}

/// Names in lower case, values without their quotes. There is no space around the `=`: with one it
/// is another directive, or another value.
fn pairs(field: &str) -> impl Iterator<Item = (String, Option<String>)> {
    members(field).map(|member| match member.split_once('=') {
        Some((name, value)) => (name.to_ascii_lowercase(), Some(unquoted(value))),
        None => (member.to_ascii_lowercase(), None),
    })
}

fn lifetime(before: Option<u64>, value: Option<&str>) -> u64 {
    let seconds = value.and_then(delta_seconds).unwrap_or_default();

    match before {
        Some(before) if before != seconds => 0,
        _ => seconds,
    }
}

/// A window that can't be read is none.
fn window(value: Option<&str>) -> u64 {
    value.and_then(delta_seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn max_age(field: &str) -> Option<u64> {
        ResponseDirectives::parse(field).max_age
    }

    #[test]
    fn an_age_is_read_as_a_token_or_a_string() {
        for field in ["max-age=3600", "MaX-aGe=3600", "x, max-age=\"3600\"", "max-age=003600"] {
            assert_eq!(max_age(field), Some(3_600), "{field}");
        }
        assert_eq!(max_age("max-age=99999999999999999999"), Some(1 << 31));
    }

    #[test]
    fn an_age_that_is_malformed_or_doubtful_is_zero() {
        for field in [
            "max-age",
            "max-age=",
            "max-age=-3600",
            "max-age='3600'",
            "max-age= 3600",
            "max-age=3600.0",
            "max-age=3600a",
            "max-age=1800, max-age=1",
            "max-age=1, max-age=1800",
        ] {
            assert_eq!(max_age(field), Some(0), "{field}");
        }
        assert_eq!(max_age("max-age=5, max-age=5"), Some(5));
    }

    #[test]
    fn text_in_a_string_or_before_a_space_is_no_directive() {
        assert_eq!(max_age("extension=\"max-age=3600\""), None);
        assert_eq!(max_age("max-age =3600"), None);
        assert!(!ResponseDirectives::parse("x=\"a, no-store\"").no_store);
    }

    #[test]
    fn no_cache_is_about_all_or_about_the_fields_it_names() {
        let of = |field| ResponseDirectives::parse(field).no_cache;
        let named = |names: &[&'static str]| {
            FieldNames::Named(names.iter().map(|name| HeaderName::from_static(name)).collect())
        };

        assert_eq!(of("max-age=1"), FieldNames::None);
        assert_eq!(of("No-CaChE"), FieldNames::All);
        assert_eq!(of("no-cache=\"A, b\""), named(&["a", "b"]));
        assert_eq!(of("no-cache=\"a\", no-cache=\"b\""), named(&["a", "b"]));
        assert_eq!(of("no-cache=\"a\", no-cache"), FieldNames::All);
        assert_eq!(of("no-cache=\"a b\""), FieldNames::All);
    }

    #[test]
    fn four_directives_forbid_what_is_stale() {
        for field in ["must-revalidate", "proxy-revalidate", "s-maxage=9", "no-cache"] {
            assert!(ResponseDirectives::parse(field).forbid_stale(), "{field}");
        }
        assert!(!ResponseDirectives::parse("max-age=9, stale-if-error=9").forbid_stale());
    }

    #[test]
    fn a_request_asks_for_what_it_says() {
        let asked = RequestDirectives::parse("max-age=0, min-fresh=5, max-stale, no-transform");

        assert_eq!((asked.max_age, asked.min_fresh), (Some(0), Some(5)));
        assert_eq!(asked.max_stale, Some(MaxStale::Any));
        let asked = RequestDirectives::parse("max-stale=7, only-if-cached, no-cache, no-store");
        assert_eq!(asked.max_stale, Some(MaxStale::Seconds(7)));
        assert!(asked.only_if_cached && asked.no_cache && asked.no_store);
        assert_eq!(
            RequestDirectives::parse("max-stale=x, max-age=-1"),
            RequestDirectives::default()
        );
    }

    proptest! {
        #[test]
        fn no_field_makes_the_parsers_panic(field in ".{0,80}") {
            ResponseDirectives::parse(&field);
            RequestDirectives::parse(&field);
        }

        #[test]
        fn no_store_is_heard_whatever_stands_around_it(
            before in "[a-z=, 0-9-]{0,20}",
            after in ".{0,20}",
        ) {
            let field = format!("{before}, No-Store, {after}");

            prop_assert!(ResponseDirectives::parse(&field).no_store);
        }
    }
}

//! `CDN-Cache-Control` (RFC 9213): what an origin tells caches like this one, in place of what it
//! tells all caches.

use http::HeaderMap;
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::directives::{FieldNames, ResponseDirectives};
use super::fields::combined;
use crate::headers::CDN_CACHE_CONTROL;

/// Whatever an answer says of its own caching, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EffectiveDirectives {
    pub directives: ResponseDirectives,
    /// Then `Expires`, like `Cache-Control`, is not for us (§2.2).
    pub is_targeted: bool,
}

impl EffectiveDirectives {
    pub fn by(headers: &HeaderMap) -> Self {
        match to_cdns(headers) {
            Some(directives) => Self { directives, is_targeted: true },
            None => Self { directives: ResponseDirectives::of(headers), is_targeted: false },
        }
    }
}

/// `None` when the field is absent, empty, no dictionary, or gives a directive a value of a type
/// that it does not take: then it is as good as absent (§2.1).
fn to_cdns(headers: &HeaderMap) -> Option<ResponseDirectives> {
    let field = combined(headers, &CDN_CACHE_CONTROL.parse().ok()?)?;
    let dictionary: Dictionary = Parser::new(&field).parse().ok()?;
    if dictionary.is_empty() {
        return None;
    }
    let mut directives = ResponseDirectives::default();

    for (key, member) in &dictionary {
        let value = match member {
            ListEntry::Item(item) => Some(&item.bare_item),
            ListEntry::InnerList(_) => None,
        };
        match key.as_str() {
            "max-age" => directives.max_age = Some(seconds(value)?),
            "s-maxage" => directives.s_maxage = Some(seconds(value)?),
            "stale-while-revalidate" => directives.stale_while_revalidate = seconds(value)?,
            "stale-if-error" => directives.stale_if_error = seconds(value)?,
            "no-store" => directives.no_store = switch(value)?,
            "public" => directives.public = switch(value)?,
            "must-revalidate" => directives.must_revalidate = switch(value)?,
            "proxy-revalidate" => directives.proxy_revalidate = switch(value)?,
            "must-understand" => directives.must_understand = switch(value)?,
            "private" => directives.private = !matches!(value?, BareItem::Boolean(false)),
            "no-cache" => match value? {
                BareItem::Boolean(false) => {}
                BareItem::Boolean(true) => directives.no_cache = FieldNames::All,
                BareItem::String(names) => directives.no_cache.add(Some(names.as_str())),
                _ => return None,
            },
            _ => {}
        }
    }
    Some(directives)
}

fn seconds(value: Option<&BareItem>) -> Option<u64> {
    let BareItem::Integer(seconds) = value? else { return None };

    u64::try_from(i64::from(*seconds)).ok().map(|seconds| seconds.min(1 << 31))
}

fn switch(value: Option<&BareItem>) -> Option<bool> {
    let BareItem::Boolean(is_on) = value? else { return None };

    Some(*is_on)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(field: &str) -> EffectiveDirectives {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", "max-age=5".parse().unwrap());
        headers.insert("cdn-cache-control", field.parse().unwrap());

        EffectiveDirectives::by(&headers)
    }

    #[test]
    fn a_targeted_field_replaces_cache_control() {
        let effective = of("max-age=3600, foobar, no-cache=\"a\", stale-if-error=60");

        assert!(effective.is_targeted);
        assert_eq!(effective.directives.max_age, Some(3_600));
        assert_eq!(effective.directives.stale_if_error, 60);
        assert_eq!(effective.directives.no_cache, FieldNames::Named(vec!["a".parse().unwrap()]));
        assert!(of("no-store").directives.no_store);
        assert!(of("private").directives.private);
        assert_eq!(of("no-cache").directives.no_cache, FieldNames::All);
        assert_eq!(of("max-age=99999999999").directives.max_age, Some(1 << 31));
    }

    #[test]
    fn what_is_no_dictionary_or_of_another_type_is_as_good_as_absent() {
        for field in [
            "",
            " ",
            "max-age=10000, &&&&&",
            "max-age=\"10000\"",
            "max-age",
            "max-age=10.5",
            "max-age=-1",
            "max-age=(1 2)",
            "max-age =100",
            "max-age= 100",
            "MaX-aGe=3600",
            "no-store=1",
            "no-cache=a",
        ] {
            let effective = of(field);

            assert!(!effective.is_targeted, "{field}");
            assert_eq!(effective.directives.max_age, Some(5), "{field}");
        }
    }

    proptest! {
        #[test]
        fn no_field_makes_the_parser_panic(field in "[ -~]{0,60}") {
            of(&field);
        }
    }
}

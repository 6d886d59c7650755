//! Which requests an answer is for, when it varies (RFC 9111 §4.1).

use http::header::{ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, VARY};
use http::{HeaderMap, HeaderName};

use super::fields::{combined, members};

/// No response needs so many; one that lists more is not stored.
const NAMES_MAX: usize = 32;

/// What `Vary` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VariesBy {
    Names(Vec<HeaderName>),
    /// Also by what no request shows.
    Anything,
}

/// The part of a request that chose an answer; another request that says the same may have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variant {
    chosen_by: Box<[(HeaderName, Option<Vec<u8>>)]>,
}

impl VariesBy {
    pub fn of(headers: &HeaderMap) -> Self {
        let field = combined(headers, &VARY).unwrap_or_default();
        let names: Option<Vec<HeaderName>> =
            members(&field).map(|name| name.parse().ok().filter(|_| name != "*")).collect();
        let Some(mut names) = names.filter(|names| names.len() <= NAMES_MAX) else {
            return Self::Anything;
        };

        names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        Self::Names(names)
    }
}

impl Variant {
    /// `None` for an answer that no other request may have.
    pub fn of(answer: &HeaderMap, request: &HeaderMap) -> Option<Self> {
        let VariesBy::Names(names) = VariesBy::of(answer) else { return None };
        let chosen_by = names.into_iter().map(|name| {
            let value = normalised(&name, request);
            (name, value)
        });

        Some(Self { chosen_by: chosen_by.collect() })
    }

    pub fn matches(&self, request: &HeaderMap) -> bool {
        self.chosen_by.iter().all(|(name, value)| normalised(name, request) == *value)
    }

    /// Of another request: what it says in the fields that this one was chosen by.
    pub fn like(&self, request: &HeaderMap) -> Self {
        let chosen_by = self.chosen_by.iter().map(|(name, _)| {
            let value = normalised(name, request);
            (name.clone(), value)
        });

        Self { chosen_by: chosen_by.collect() }
    }

    /// As text that differs where the variants differ, for keys.
    pub fn write_key(&self, key: &mut String) {
        for (name, value) in &self.chosen_by {
            let value = value.as_deref().map(<[u8]>::escape_ascii);
            key.push('\n');
            key.push_str(name.as_str());
            if let Some(value) = value {
                key.push_str(": ");
                key.extend(value.map(char::from));
            }
        }
    }

    pub fn size_bytes(&self) -> usize {
        let values = self
            .chosen_by
            .iter()
            .map(|(name, value)| 64 + name.as_str().len() + value.as_ref().map_or(0, Vec::len));

        values.sum()
    }
}

/// A field of a request with what differs without a meaning taken out: lines are combined, as any
/// recipient may do (RFC 9110 §5.3), and blanks around commas go; in the fields of negotiation also
/// case, order and the spelling of weights. `None`: it is not there.
pub fn normalised(name: &HeaderName, request: &HeaderMap) -> Option<Vec<u8>> {
    let mut lines = request.get_all(name).iter().peekable();
    lines.peek()?;
    let all = lines.map(http::HeaderValue::as_bytes).collect::<Vec<_>>().join(&b","[..]);

    Some(match String::from_utf8(all) {
        Ok(text) if is_negotiation(name) => weighed(&text).into_bytes(),
        Ok(text) => members(&text).collect::<Vec<_>>().join(",").into_bytes(),
        // What is no text is compared as it is.
        Err(bytes) => bytes.into_bytes(),
    })
}

fn is_negotiation(name: &HeaderName) -> bool {
    [ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE].contains(name)
}

/// Members by weight, then by name. The order of equals has no meaning (RFC 9110 §12.5).
fn weighed(list: &str) -> String {
    let mut members: Vec<(u16, String)> = members(list).map(weighed_member).collect();
    members.sort_unstable_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    members.dedup();

    let printed = members.into_iter().map(|(weight, name)| match weight {
        1_000 => name,
        weight => format!("{name};q=0.{weight:03}"),
    });
    printed.collect::<Vec<_>>().join(",")
}

fn weighed_member(member: &str) -> (u16, String) {
    let mut weight = 1_000;
    let mut name = String::with_capacity(member.len());

    for (at, part) in member.split(';').map(str::trim).enumerate() {
        let quality = part.split_once('=').filter(|(key, _)| key.eq_ignore_ascii_case("q"));
        match quality.and_then(|(_, value)| thousandths(value)) {
            Some(read) if at > 0 => weight = read,
            _ => {
                if at > 0 {
                    name.push(';');
                }
                name.push_str(&part.to_ascii_lowercase());
            }
        }
    }
    (weight, name)
}

/// `0.75` is 750 (RFC 9110 §12.4.2: at most three decimals, at most 1).
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let decimals: u16 = is_digits.then(|| format!("{decimals:0<3}").parse().ok())??;

    match whole {
        "0" => Some(decimals),
        "1" if decimals == 0 => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn variant(vary: &str, request: &[(&'static str, &str)]) -> Option<Variant> {
        Variant::of(&headers(&[("vary", vary)]), &headers(request))
    }

    #[test]
    fn a_request_that_says_the_same_matches_and_no_other() {
        let variant = variant("Foo, bar", &[("foo", "1"), ("other", "2")]).unwrap();

        assert!(variant.matches(&headers(&[("foo", "1"), ("other", "3")])));
        assert!(!variant.matches(&headers(&[("foo", "2")])));
        assert!(!variant.matches(&headers(&[])));
        assert!(!variant.matches(&headers(&[("foo", "1"), ("bar", "")])));
    }

    #[test]
    fn a_star_or_what_is_no_name_matches_nothing() {
        for vary in ["*", "*, *", ", *", "foo, *", "*, foo", "foo bar", "é"] {
            assert_eq!(variant(vary, &[]), None, "{vary}");
        }
        assert_eq!(variant("", &[]), Some(Variant::default()));
        let many: Vec<_> = (0..33).map(|number| format!("n{number}")).collect();
        assert_eq!(variant(&many.join(","), &[]), None);
    }

    #[test]
    fn lines_and_blanks_make_no_difference() {
        let one_line = variant("foo", &[("foo", "1, 2")]).unwrap();

        assert!(one_line.matches(&headers(&[("foo", "1"), ("foo", "2")])));
        assert!(one_line.matches(&headers(&[("foo", " 1,2 ")])));
        assert!(!one_line.matches(&headers(&[("foo", "12")])));
        let quoted = variant("foo", &[("foo", "\"1, 2\"")]).unwrap();
        assert!(!quoted.matches(&headers(&[("foo", "\"1,2\"")])));
    }

    #[test]
    fn languages_of_equal_weight_have_no_order_and_no_case() {
        let variant = variant("accept-language", &[("accept-language", "en, de;q=0.5")]).unwrap();
        let matches = |value| variant.matches(&headers(&[("accept-language", value)]));

        assert!(matches("de;q=0.500 ,  EN"));
        assert!(matches("en;q=1.000,de; Q=0.5"));
        assert!(!matches("en, de"));
        assert!(!matches("en;q=0.5, de"));
    }

    #[test]
    fn keys_differ_where_variants_do() {
        let key = |variant: Option<Variant>| {
            let mut key = String::new();
            variant.unwrap().write_key(&mut key);
            key
        };

        assert_eq!(key(variant("foo", &[("foo", "1")])), "\nfoo: 1");
        assert_eq!(key(variant("foo", &[])), "\nfoo");
        assert_ne!(key(variant("foo", &[("foo", "")])), key(variant("foo", &[])));
    }

    proptest! {
        #[test]
        fn a_request_matches_its_own_variant(value in "[ -~]{0,40}", vary in "[a-z, -]{0,20}") {
            let request = headers(&[("accept-language", &value), ("accept", &value), ("a", &value)]);
            let answer = headers(&[("vary", &format!("a, accept, accept-language, {vary}"))]);

            if let Some(variant) = Variant::of(&answer, &request) {
                prop_assert!(variant.matches(&request));
                prop_assert_eq!(&variant.like(&request), &variant);
            }
        }

        #[test]
        fn to_normalise_twice_is_to_normalise_once(value in "[ -~]{0,40}") {
            for name in [ACCEPT_LANGUAGE, HeaderName::from_static("a")] {
                let request = headers(&[("accept-language", &value), ("a", &value)]);
                let once = normalised(&name, &request).unwrap();
                let mut again = HeaderMap::new();
                again.insert(&name, http::HeaderValue::from_bytes(&once).unwrap());

                prop_assert_eq!(normalised(&name, &again), Some(once));
            }
        }
    }
}

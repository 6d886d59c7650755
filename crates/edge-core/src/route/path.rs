//! Paths, by exact segments after one percent-decode.

use std::borrow::Cow;
use std::str::FromStr;

use domain::{ProductId, Ref};
use percent_encoding::percent_decode_str;

/// In bytes: `/products/`, a slug of 96 characters, each of them percent-encoded, and
/// `/recommendations`, with room to spare.
const CACHED_PATH_MAX: usize = 512;

/// First segments that belong to the edge, in whatever disguise.
const RESERVED: [&str; 6] =
    ["products", "categories", "featured", "bestsellers", "search", "internal"];

/// Doors for operators, who use the origin's own: they tell more of the shop than strangers need.
const OPERATORS: [&str; 2] = ["metrics", "readyz"];

pub(super) enum Place {
    Cached(CachedPath),
    Internal,
    Other,
}

pub(super) enum CachedPath {
    Products,
    Product(Ref<ProductId>),
    Recommendations(Ref<ProductId>),
    Categories,
    Featured,
    Bestsellers,
    Search,
}

impl Place {
    /// `None` for a path that neither is a cached one nor may reach the origin.
    pub fn of(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let (first, rest) = match path.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };

        let cached = match decoded(first)?.as_ref() {
            "products" => CachedPath::below_products(rest)?,
            "categories" if rest.is_none() => CachedPath::Categories,
            "featured" if rest.is_none() => CachedPath::Featured,
            "bestsellers" if rest.is_none() => CachedPath::Bestsellers,
            "search" if rest.is_none() => CachedPath::Search,
            name => return Self::beside_the_cached(name, rest),
        };

        Some(Self::Cached(cached)).filter(|_| path.len() < CACHED_PATH_MAX)
    }

    fn beside_the_cached(first: &str, rest: Option<&str>) -> Option<Self> {
        let root = first.is_empty() && rest.is_none();
        let first_is_plain = root || (is_plain_segment(first) && !first.contains(['/', '\\']));

        if !first_is_plain || !is_plain(rest.unwrap_or_default()) {
            return None;
        }
        if first.eq_ignore_ascii_case("internal") || OPERATORS.contains(&first) {
            return Some(Self::Internal);
        }
        (!is_reserved_in_disguise(first)).then_some(Self::Other)
    }
}

impl CachedPath {
    fn below_products(rest: Option<&str>) -> Option<Self> {
        let Some(rest) = rest else { return Some(Self::Products) };

        match rest.split_once('/') {
            None => reference(rest).map(Self::Product),
            Some((product, below)) if decoded(below)? == "recommendations" => {
                reference(product).map(Self::Recommendations)
            }
            Some(_) => None,
        }
    }

    /// Which parameters are in the key. Every other one is as if it had not been sent.
    pub fn knows(&self, parameter: &str) -> bool {
        match self {
            Self::Products | Self::Search => super::list::knows(parameter),
            Self::Bestsellers => parameter == "category",
            Self::Product(_) | Self::Recommendations(_) | Self::Categories | Self::Featured => {
                false
            }
        }
    }
}

/// An id or a slug; both have too few characters for a dot, a slash or anything else that hides.
fn reference<R: FromStr>(segment: &str) -> Option<R> {
    decoded(segment)?.parse().ok()
}

fn decoded(segment: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(segment).decode_utf8().ok()
}

/// `/products;x`, `/products.css`, `/featured%20/`, `/categories/x`: a cached path to a server that
/// reads them carelessly, so they reach none.
fn is_reserved_in_disguise(first: &str) -> bool {
    let word = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_');
    let stem = first.split(|character| !word(character)).next().unwrap_or_default();

    RESERVED.iter().any(|name| name.eq_ignore_ascii_case(stem) && (stem != first || *name == stem))
}

/// Whether every server reads the path as we do: no empty segment inside it, no dot segments in
/// any spelling, and no control characters. The edge signs what it passes on, so a path that means
/// `/internal` to another server must not get past it.
fn is_plain(rest: &str) -> bool {
    let mut segments = rest.split('/');
    // A slash at the very end is the origin's to judge.
    let last = segments.next_back().unwrap_or_default();

    segments.all(is_plain_segment) && (last.is_empty() || is_plain_segment(last))
}

fn is_plain_segment(segment: &str) -> bool {
    let bytes = Cow::from(percent_decode_str(segment));

    !bytes.is_empty()
        && !bytes.iter().any(u8::is_ascii_control)
        && !bytes
            .split(|byte| matches!(byte, b'/' | b'\\'))
            .any(|part| part == b"." || part == b"..")
}

//! What answers tell browsers: to take a body for what it says it is, and whose scripts may read
//! it.
//!
//! The catalogue is public, so any site's scripts may read it, without cookies (CORS, as the
//! Fetch standard says). The permission is one constant: an answer that named the asking site would
//! need an entry for each in every cache. Private answers have no such field, so browsers refuse
//! them.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::fields::Fields;

/// A name and a value, each in the form in which it is sent.
pub type Field = (&'static str, &'static str);

/// Of every answer: no guess from the bytes turns a picture or a problem into a page.
pub const NOSNIFF: Field = ("x-content-type-options", "nosniff");

/// Of an answer that is no page and needs nothing, should a browser open it as one.
pub const INERT: Field =
    ("content-security-policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'");

/// Of an answer that any site's scripts may read, and which of its fields beside those that
/// browsers show by themselves.
pub const READABLE: [Field; 2] = [
    ("access-control-allow-origin", "*"),
    (
        "access-control-expose-headers",
        "Age, Cache-Status, Date, ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id",
    ),
];

/// The answer to a preflight, and to any other OPTIONS there. Browsers keep it for a day at most,
/// many for less.
pub const PREFLIGHT: [Field; 5] = [
    ("allow", "GET, HEAD, OPTIONS"),
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "GET, HEAD"),
    ("access-control-allow-headers", "If-None-Match, Traceparent, X-Catalog-Token, X-Request-Id"),
    ("access-control-max-age", "86400"),
];

/// First segments of what is public. Compared as they are sent: another spelling is another path to
/// a browser, too.
const PUBLIC: [&str; 7] =
    ["products", "categories", "featured", "bestsellers", "search", "images", "openapi.json"];

/// Whether any site's scripts may read what is at a path.
pub fn is_readable(path_and_query: &str) -> bool {
    let path = path_and_query.split(['?', '#']).next().unwrap_or_default();
    let first = path.strip_prefix('/').and_then(|path| path.split('/').next());

    first.is_some_and(|first| PUBLIC.contains(&first))
}

/// Whether a request is an OPTIONS that edge and origin alike answer with [`PREFLIGHT`] and 204.
pub fn is_preflight(method: &str, path_and_query: &str) -> bool {
    method == "OPTIONS" && is_readable(path_and_query)
}

/// Puts fields in the place of those that are there under their names.
pub fn put<'a>(headers: &mut HeaderMap, fields: impl IntoIterator<Item = &'a Field>) {
    for (name, value) in fields {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

/// [`put`], for a shell that has no map.
pub fn set<'a>(of: &mut Fields, fields: impl IntoIterator<Item = &'a Field>) {
    for (name, value) in fields {
        of.set(name, *value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public_is_readable_and_nothing_else_is() {
        for path in
            ["/products", "/products/a/recommendations", "/search?q=/admin", "/images/a.svg"]
        {
            assert!(is_readable(path), "{path}");
        }
        for path in [
            "",
            "/",
            "/admin/products",
            "/cart",
            "/account",
            "/docs",
            "/internal/changes",
            "/metrics",
            "//products",
            "/%70roducts",
            "/PRODUCTS",
            "products",
            "/admin?/products",
            "/products;x",
        ] {
            assert!(!is_readable(path), "{path}");
        }
        assert!(is_preflight("OPTIONS", "/products") && !is_preflight("GET", "/products"));
        assert!(!is_preflight("OPTIONS", "/admin/products") && !is_preflight("OPTIONS", "*"));
    }

    #[test]
    fn fields_replace_those_of_the_same_name() {
        let mut headers = HeaderMap::new();
        headers
            .insert("access-control-allow-origin", HeaderValue::from_static("https://a.example"));
        let mut fields = Fields::default();
        fields.set("access-control-allow-origin", "https://a.example");

        put(&mut headers, &READABLE);
        set(&mut fields, &READABLE);

        assert_eq!(headers.get("access-control-allow-origin").unwrap(), "*");
        assert_eq!(fields.get("access-control-allow-origin"), Some("*"));
        assert_eq!(headers.len(), 2);
    }
}

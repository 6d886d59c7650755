//! What a write makes worthless (RFC 9111 §4.4).

use http::header::{CONTENT_LOCATION, LOCATION};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, StatusCode, Uri};

/// What a request was for: its path and query at one origin.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub scheme: &'a Scheme,
    pub authority: &'a Authority,
    pub path_and_query: &'a str,
}

/// RFC 9110 §9.2.1. An unknown method may change anything.
pub fn is_safe(method: &Method) -> bool {
    method.is_safe()
}

/// The paths and queries whose kept answers must not be used again: the target's, and what
/// `Location` and `Content-Location` name at the same origin. Nothing, when the request was safe or
/// has failed.
pub fn invalidated(
    target: &Target<'_>,
    method: &Method,
    status: StatusCode,
    headers: &HeaderMap,
) -> Vec<String> {
    if is_safe(method) || !(status.is_success() || status.is_redirection()) {
        return Vec::new();
    }
    let named = [LOCATION, CONTENT_LOCATION];
    let named = named
        .iter()
        .flat_map(|name| headers.get_all(name))
        .filter_map(|reference| target.resolved(reference.to_str().ok()?));
    let mut paths: Vec<_> = [target.path_and_query.to_owned()].into_iter().chain(named).collect();

    paths.sort_unstable();
    paths.dedup();
    paths
}

impl Target<'_> {
    /// A reference (RFC 3986 §5.2) as a path and query of this origin, if it is one.
    fn resolved(&self, reference: &str) -> Option<String> {
        let reference = reference.split('#').next()?.trim();
        if reference.is_empty() {
            return Some(self.path_and_query.to_owned());
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return self.at_this_origin(&format!("{}://{rest}", self.scheme));
        }
        if has_scheme(reference) {
            return self.at_this_origin(reference);
        }
        let own_path = self.path_and_query.split('?').next()?;
        let joined = match reference.as_bytes().first()? {
            b'/' => reference.to_owned(),
            b'?' => format!("{own_path}{reference}"),
            _ => format!("{}/{reference}", own_path.rsplit_once('/')?.0),
        };

        Some(without_dots(&joined))
    }

    fn at_this_origin(&self, absolute: &str) -> Option<String> {
        let uri: Uri = absolute.parse().ok()?;
        let is_ours = uri.scheme() == Some(self.scheme) && uri.authority() == Some(self.authority);

        is_ours.then(|| without_dots(uri.path_and_query().map_or("/", PathAndQuery::as_str)))
    }
}

fn has_scheme(reference: &str) -> bool {
    let before_path = reference.split(['/', '?']).next().unwrap_or_default();

    before_path.contains(':')
}

/// RFC 3986 §5.2.4, on the path alone.
fn without_dots(path_and_query: &str) -> String {
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    let mut segments = Vec::new();
    let mut parts = path.strip_prefix('/').unwrap_or(path).split('/').peekable();

    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
            part => segments.push(part),
        }
    }
    let path = segments.join("/");
    query.map_or_else(|| format!("/{path}"), |query| format!("/{path}?{query}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(method: &str, status: u16, lines: &[(&'static str, &str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let authority = Authority::from_static("shop.example:8080");
        let target =
            Target { scheme: &Scheme::HTTP, authority: &authority, path_and_query: "/test/a?x=1" };
        let status = StatusCode::from_u16(status).unwrap();

        invalidated(&target, &method.parse().unwrap(), status, &headers)
    }

    fn location(reference: &str) -> Vec<String> {
        let mut paths = of("POST", 201, &[("location", reference)]);
        paths.retain(|path| path != "/test/a?x=1");
        paths
    }

    #[test]
    fn a_write_that_went_well_makes_its_target_worthless() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"] {
            assert_eq!(of(method, 204, &[]), ["/test/a?x=1"], "{method}");
            assert_eq!(of(method, 303, &[]), ["/test/a?x=1"], "{method}");
            assert_eq!(of(method, 500, &[]), [""; 0], "{method}");
            assert_eq!(of(method, 404, &[]), [""; 0], "{method}");
        }
        for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            assert_eq!(of(method, 200, &[]), [""; 0], "{method}");
        }
    }

    #[test]
    fn what_the_answer_names_at_the_same_origin_goes_as_well() {
        let lines = [("location", "/b"), ("content-location", "c")];
        assert_eq!(of("POST", 201, &lines), ["/b", "/test/a?x=1", "/test/c"]);

        for (reference, path) in [
            ("/b?y=2#z", "/b?y=2"),
            ("b", "/test/b"),
            ("../b", "/b"),
            ("./b/./c/..", "/test/b/"),
            ("?y=2", "/test/a?y=2"),
            ("/../../b", "/b"),
            ("http://shop.example:8080/b", "/b"),
            ("http://shop.example:8080", "/"),
            ("//shop.example:8080/b", "/b"),
        ] {
            assert_eq!(location(reference), [path], "{reference}");
        }
    }

    #[test]
    fn a_url_of_another_origin_is_not_invalidated() {
        for reference in [
            "http://other.example:8080/b",
            "http://shop.example/b",
            "https://shop.example:8080/b",
            "//other.example/b",
            "urn:b",
        ] {
            assert_eq!(location(reference), [""; 0], "{reference}");
        }
    }

    proptest! {
        #[test]
        fn no_reference_makes_the_resolver_panic(reference in "[ -~]{0,40}") {
            for path in location(&reference) {
                prop_assert!(path.starts_with('/'), "{path}");
            }
        }
    }
}

//! Asking whether what is kept is still right, and taking over what the answer says
//! (RFC 9111 §4.3).

use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName};

use super::stored::Stored;
use super::{end_to_end, fields};

/// Of the bytes that are kept, which a 304 or a HEAD does not change (§3.2). An entity tag that
/// differs in an answer to *our* tag can only be a slip.
const OF_THE_BYTES: [HeaderName; 5] =
    [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName::from_static("content-md5")];

pub fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED)
}

/// What is added to a request to ask whether `stored` is still right (§4.3.1).
pub fn conditions(stored: &Stored) -> impl Iterator<Item = (HeaderName, http::HeaderValue)> {
    let known = [(IF_NONE_MATCH, ETAG), (IF_MODIFIED_SINCE, LAST_MODIFIED)];

    known.into_iter().filter_map(|(condition, validator)| {
        Some((condition, stored.headers.get(validator)?.clone()))
    })
}

/// A client's headers without its own conditions: the whole answer is wanted, or the word that what
/// is kept is still right.
pub fn onward(request: &HeaderMap, kept: Option<&Stored>) -> HeaderMap {
    let mut headers = end_to_end(request);

    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE, RANGE, IF_RANGE] {
        headers.remove(name);
    }
    if let Some(kept) = kept {
        headers.extend(conditions(kept));
    }
    headers
}

/// The kept head as a 304, or the answer to a HEAD, has just changed it (§3.2): each field that it
/// brings takes the place of all lines of that name.
pub fn merged(stored: &HeaderMap, brought: &HeaderMap) -> HeaderMap {
    let brought = end_to_end(brought);
    let mut merged = stored.clone();

    for name in brought.keys().filter(|name| !OF_THE_BYTES.contains(name)) {
        merged.remove(name);
        for value in brought.get_all(name) {
            merged.append(name, value.clone());
        }
    }
    merged
}

/// Whether the answer to a HEAD is about the bytes that are kept (§4.3.5).
pub fn agrees_with_head(stored: &HeaderMap, head: &HeaderMap) -> bool {
    [ETAG, LAST_MODIFIED, CONTENT_LENGTH].iter().all(|name| {
        let (ours, theirs) = (fields::combined(stored, name), fields::combined(head, name));
        ours.is_none() || theirs.is_none() || ours == theirs
    })
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use http::{Method, StatusCode};

    use super::super::{Received, RequestView};
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn both_validators_are_asked_with() {
        let at = Timestamp::from_millis(1_795_442_552_400);
        let head = [("cache-control", "no-cache"), ("etag", "W/\"a\""), ("last-modified", "x")];
        let received = Received {
            status: StatusCode::OK,
            headers: headers(&head),
            requested_at: at,
            received_at: at,
        };
        let asked = RequestView { method: &Method::GET, headers: &HeaderMap::new() };
        let stored = Stored::of(&asked, &received).unwrap();

        let asked_with: Vec<_> = conditions(&stored).collect();

        assert_eq!(asked_with.len(), 2);
        assert_eq!(asked_with[0], (IF_NONE_MATCH, "W/\"a\"".parse().unwrap()));
        assert_eq!(asked_with[1].0, IF_MODIFIED_SINCE);
    }

    #[test]
    fn a_304_changes_what_is_not_of_the_bytes() {
        let stored = headers(&[
            ("a", "1"),
            ("a", "2"),
            ("b", "1"),
            ("etag", "\"1\""),
            ("content-length", "5"),
            ("content-encoding", "x"),
            ("content-type", "text/plain"),
        ]);
        let brought = headers(&[
            ("a", "3"),
            ("etag", "\"2\""),
            ("content-length", "10"),
            ("content-encoding", "y"),
            ("content-type", "text/html"),
            ("connection", "c"),
            ("c", "1"),
        ]);

        let merged = merged(&stored, &brought);

        assert_eq!(merged.get_all("a").iter().collect::<Vec<_>>(), ["3"]);
        for (name, value) in [
            ("b", "1"),
            ("etag", "\"1\""),
            ("content-length", "5"),
            ("content-encoding", "x"),
            ("content-type", "text/html"),
        ] {
            assert_eq!(merged[name], value, "{name}");
        }
        assert!(!merged.contains_key("c"));
    }

    #[test]
    fn a_head_that_names_other_bytes_does_not_agree() {
        let stored = headers(&[("etag", "\"1\""), ("content-length", "5")]);

        assert!(agrees_with_head(&stored, &headers(&[])));
        assert!(agrees_with_head(&stored, &headers(&[("etag", "\"1\""), ("last-modified", "x")])));
        assert!(!agrees_with_head(&stored, &headers(&[("etag", "\"2\"")])));
        assert!(!agrees_with_head(&stored, &headers(&[("content-length", "6")])));
    }
}

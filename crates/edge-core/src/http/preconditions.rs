//! A client's own conditions, as far as a cache may judge them (RFC 9111 §4.3.2, RFC 9110 §13).

use domain::Timestamp;
use http::header::{
    CACHE_CONTROL, CONTENT_LOCATION, DATE, ETAG, EXPIRES, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_UNMODIFIED_SINCE, LAST_MODIFIED, VARY,
};
use http::{HeaderMap, HeaderName, StatusCode};

use super::date;
use super::fields::combined;
use super::freshness::date_of;
use super::stored::Stored;
use crate::conditional;

/// "If-Match and If-Unmodified-Since … are not applicable to a cache" (§4.3.2).
pub fn is_for_the_origin_alone(request: &HeaderMap) -> bool {
    request.contains_key(IF_MATCH) || request.contains_key(IF_UNMODIFIED_SINCE)
}

/// Whether the client has what is stored, so that a 304 will do. `If-None-Match` wins: where it is
/// there, dates are not looked at (RFC 9110 §13.2.2).
pub fn is_unmodified(request: &HeaderMap, stored: &Stored, now: Timestamp) -> bool {
    if stored.status != StatusCode::OK {
        return false;
    }
    if let Some(known) = combined(request, &IF_NONE_MATCH) {
        let etag = stored.headers.get(ETAG).and_then(|etag| etag.to_str().ok());
        return etag.is_some_and(|etag| conditional::is_known(known.as_bytes(), etag));
    }
    let Some(since) = moment(request, &IF_MODIFIED_SINCE, now) else { return false };
    // What does not say when it was changed was at most as old as it says (§4.3.2).
    let modified = moment(&stored.headers, &LAST_MODIFIED, now)
        .unwrap_or_else(|| date_of(&stored.headers, now));

    modified <= since
}

fn moment(headers: &HeaderMap, name: &HeaderName, now: Timestamp) -> Option<Timestamp> {
    date::parse(&combined(headers, name)?, now)
}

/// What a 304 repeats of the whole answer (RFC 9110 §15.4.5); the date of a change only where there
/// is no tag.
pub fn unmodified_head(stored: &HeaderMap) -> HeaderMap {
    let repeated = [CACHE_CONTROL, CONTENT_LOCATION, DATE, ETAG, EXPIRES, VARY];
    let date = (!stored.contains_key(ETAG)).then_some(LAST_MODIFIED);
    let mut head = HeaderMap::with_capacity(repeated.len() + 4);

    for name in repeated.into_iter().chain(date) {
        for value in stored.get_all(&name) {
            head.append(&name, value.clone());
        }
    }
    head
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::super::{Received, RequestView};
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_795_442_552_000);
    const MODIFIED: &str = "Mon, 23 Nov 2026 13:00:00 GMT";
    const EARLIER: &str = "Mon, 23 Nov 2026 12:00:00 GMT";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn stored(status: u16, lines: &[(&'static str, &str)]) -> Stored {
        let mut headers = headers(lines);
        headers.insert(CACHE_CONTROL, "max-age=60".parse().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        let received = Received { status, headers, requested_at: AT, received_at: AT };

        Stored::of(&RequestView { method: &Method::GET, headers: &HeaderMap::new() }, &received)
            .unwrap()
    }

    #[test]
    fn a_client_that_has_the_bytes_needs_no_second_copy() {
        let stored = stored(200, &[("etag", "W/\"a\""), ("last-modified", MODIFIED)]);
        let is_unmodified = |request| is_unmodified(&headers(request), &stored, AT);

        assert!(is_unmodified(&[("if-none-match", "\"x\", \"a\"")]));
        assert!(is_unmodified(&[("if-none-match", "\"x\""), ("if-none-match", "\"a\"")]));
        assert!(is_unmodified(&[("if-none-match", "*")]));
        assert!(!is_unmodified(&[("if-none-match", "\"b\"")]));
        assert!(is_unmodified(&[("if-modified-since", MODIFIED)]));
        assert!(!is_unmodified(&[("if-modified-since", EARLIER)]));
        assert!(!is_unmodified(&[("if-modified-since", "yesterday")]));
        assert!(!is_unmodified(&[]));
    }

    #[test]
    fn a_tag_decides_where_there_is_one() {
        let stored = stored(200, &[("etag", "\"a\""), ("last-modified", MODIFIED)]);
        let asked = |tag, date| headers(&[("if-none-match", tag), ("if-modified-since", date)]);

        assert!(is_unmodified(&asked("\"a\"", EARLIER), &stored, AT));
        assert!(!is_unmodified(&asked("\"b\"", MODIFIED), &stored, AT));
    }

    #[test]
    fn without_a_date_of_change_the_answers_own_date_counts() {
        let stored = stored(200, &[("date", MODIFIED)]);

        assert!(is_unmodified(&headers(&[("if-modified-since", MODIFIED)]), &stored, AT));
        assert!(!is_unmodified(&headers(&[("if-modified-since", EARLIER)]), &stored, AT));
    }

    #[test]
    fn only_a_200_can_be_unmodified() {
        let stored = stored(404, &[("etag", "\"a\"")]);

        assert!(!is_unmodified(&headers(&[("if-none-match", "\"a\"")]), &stored, AT));
    }

    #[test]
    fn a_304_repeats_what_guides_caches() {
        let stored = headers(&[
            ("etag", "\"a\""),
            ("last-modified", MODIFIED),
            ("cache-control", "max-age=60"),
            ("vary", "a"),
            ("vary", "b"),
            ("content-type", "text/plain"),
        ]);

        let head = unmodified_head(&stored);

        assert_eq!(head.len(), 4);
        assert!(!head.contains_key("content-type") && !head.contains_key("last-modified"));
    }
}

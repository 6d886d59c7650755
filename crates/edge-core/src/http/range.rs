//! A part of an answer that is kept whole (RFC 9110 §14).

use std::ops::Range;

use http::header::{ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use http::{HeaderMap, StatusCode};

use super::fields::combined;
use super::stored::Stored;

/// What of the bytes a request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    Whole,
    /// Answered with 206.
    Part(Range<usize>),
    /// Answered with 416.
    Nothing,
}

/// A request for several ranges gets all of it, which it must be ready for (§14.2).
pub fn select(request: &HeaderMap, stored: &Stored, len: usize) -> Selected {
    let Some(field) = combined(request, &RANGE) else { return Selected::Whole };
    if stored.status != StatusCode::OK || !is_of_these_bytes(request, &stored.headers) {
        return Selected::Whole;
    }
    let Some((unit, range)) = field.split_once('=') else { return Selected::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Selected::Whole;
    }
    let Some((first, last)) = range.trim().split_once('-') else { return Selected::Whole };

    part(first, last, len)
}

fn part(first: &str, last: &str, len: usize) -> Selected {
    match (position(first), position(last)) {
        (Position::At(first), _) if first >= len && last_is_fine(last, first) => Selected::Nothing,
        (Position::At(first), Position::Open) => Selected::Part(first..len),
        (Position::At(first), Position::At(last)) if first <= last => {
            Selected::Part(first..last.saturating_add(1).min(len))
        }
        (Position::Open, Position::At(0)) => Selected::Nothing,
        (Position::Open, Position::At(_)) if len == 0 => Selected::Nothing,
        (Position::Open, Position::At(suffix)) => Selected::Part(len.saturating_sub(suffix)..len),
        // Not a range as the standard writes it: as good as none.
        _ => Selected::Whole,
    }
}

enum Position {
    Open,
    At(usize),
    Malformed,
}

fn position(text: &str) -> Position {
    match text {
        "" => Position::Open,
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Position::At(text.parse().unwrap_or(usize::MAX))
        }
        _ => Position::Malformed,
    }
}

fn last_is_fine(last: &str, first: usize) -> bool {
    match position(last) {
        Position::Open => true,
        Position::At(last) => first <= last,
        Position::Malformed => false,
    }
}

/// `If-Range` (§13.1.5): the part is wanted of the very bytes that the client has a part of. Only a
/// strong tag, or a date to the letter, says so.
fn is_of_these_bytes(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let Some(condition) = combined(request, &IF_RANGE) else { return true };
    let is_weak = condition.starts_with("W/");
    let validator = if condition.starts_with('"') { ETAG } else { LAST_MODIFIED };

    !is_weak && combined(stored, &validator).is_some_and(|validator| validator == condition)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use http::Method;
    use proptest::prelude::*;

    use super::super::{Received, RequestView};
    use super::*;

    const MODIFIED: &str = "Mon, 23 Nov 2026 13:00:00 GMT";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn of(request: &[(&'static str, &str)], len: usize) -> Selected {
        let at = Timestamp::from_millis(1_795_442_552_000);
        let head =
            [("cache-control", "max-age=60"), ("etag", "\"a\""), ("last-modified", MODIFIED)];
        let received = Received {
            status: StatusCode::OK,
            headers: headers(&head),
            requested_at: at,
            received_at: at,
        };
        let asked = RequestView { method: &Method::GET, headers: &HeaderMap::new() };

        select(&headers(request), &Stored::of(&asked, &received).unwrap(), len)
    }

    fn range(field: &str) -> Selected {
        of(&[("range", field)], 11)
    }

    #[test]
    fn a_part_is_taken_from_the_whole() {
        assert_eq!(range("bytes=0-1"), Selected::Part(0..2));
        assert_eq!(range("Bytes=1-"), Selected::Part(1..11));
        assert_eq!(range("bytes=-1"), Selected::Part(10..11));
        assert_eq!(range("bytes=-99"), Selected::Part(0..11));
        assert_eq!(range("bytes=5-99999999999999999999"), Selected::Part(5..11));
    }

    #[test]
    fn what_is_not_there_is_told_so() {
        assert_eq!(range("bytes=11-"), Selected::Nothing);
        assert_eq!(range("bytes=-0"), Selected::Nothing);
        assert_eq!(of(&[("range", "bytes=-1")], 0), Selected::Nothing);
    }

    #[test]
    fn what_is_no_single_range_gets_the_whole() {
        for field in
            ["bytes=0-1,3-4", "bytes=2-1", "bytes=-", "bytes=a-b", "lines=0-1", "bytes", ""]
        {
            assert_eq!(range(field), Selected::Whole, "{field}");
        }
        assert_eq!(of(&[], 11), Selected::Whole);
    }

    #[test]
    fn a_part_of_other_bytes_is_worth_nothing() {
        let with = |condition: &str| of(&[("range", "bytes=0-1"), ("if-range", condition)], 11);

        assert_eq!(with("\"a\""), Selected::Part(0..2));
        assert_eq!(with(MODIFIED), Selected::Part(0..2));
        for condition in ["\"b\"", "W/\"a\"", "Mon, 23 Nov 2026 12:00:00 GMT"] {
            assert_eq!(with(condition), Selected::Whole, "{condition}");
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_whole(
            field in "bytes=[0-9]{0,21}-[0-9]{0,21}",
            len in 0_usize..100,
        ) {
            if let Selected::Part(part) = of(&[("range", &field)], len) {
                prop_assert!(part.start < part.end && part.end <= len);
            }
        }
    }
}

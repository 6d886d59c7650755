//! Entity tags: made of an answer's bytes, compared with what a client already has.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use xxhash_rust::xxh3::xxh3_128;

/// The strong entity tag of exactly these bytes, quotes included. Another encoding has other bytes
/// and with them another tag (RFC 9110 §8.8.3.3).
pub fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(xxh3_128(bytes).to_be_bytes()))
}

/// The tag of bytes that say the same as those of `etag` and are others (RFC 9110 §8.8.1). `None`
/// for what is no entity tag.
pub fn weakened(etag: &str) -> Option<String> {
    let opaque = etag.strip_prefix("W/").unwrap_or(etag);
    let is_whole = matches!(next_tag(opaque.as_bytes()), Some((_, [])));

    (is_whole && !opaque.starts_with("W/")).then(|| format!("W/{opaque}"))
}

/// Whether `If-None-Match` names `etag`, by the weak comparison (RFC 9110 §13.1.2): then the answer
/// is 304. A field that is not a list of entity tags is as good as none.
pub fn is_known(if_none_match: &[u8], etag: &str) -> bool {
    let rest = if_none_match.trim_ascii();
    if rest == b"*" {
        return true;
    }
    // "A recipient MUST parse and ignore a reasonable number of empty list elements" (RFC 9110
    // §5.6.1.2), also in front of the first one.
    let mut rest = skip_empty_elements(rest);
    let opaque = etag.strip_prefix("W/").unwrap_or(etag).as_bytes();
    let mut found = false;

    while let Some((tag, after)) = next_tag(rest) {
        found |= tag == opaque;
        rest = after.trim_ascii_start();
        match rest.split_first() {
            None => return found,
            Some((b',', after)) => rest = skip_empty_elements(after),
            Some(_) => return false,
        }
    }
    // A comma may close the list (RFC 9110 §5.6.1.2), nothing else may.
    found && rest.is_empty()
}

/// One entity tag with its quotes, without `W/`, and what stands behind it.
fn next_tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"W/").unwrap_or(text);
    let inner = text.strip_prefix(b"\"")?;
    let end = inner.iter().position(|byte| *byte == b'"')?;
    let well_formed = inner[..end].iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..));

    well_formed.then(|| text.split_at(end + 2))
}

fn skip_empty_elements(mut text: &[u8]) -> &[u8] {
    while let [b',' | b' ' | b'\t', after @ ..] = text {
        text = after;
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TAG: &str = "\"abc\"";

    #[test]
    fn the_tag_is_of_the_bytes() {
        assert_eq!(etag(b"a"), etag(b"a"));
        assert_ne!(etag(b"a"), etag(b"b"));
        assert_eq!(etag(b"").len(), 24);
    }

    #[test]
    fn a_weakened_tag_matches_the_strong_one_and_the_other_way_round() {
        let weak = weakened(TAG).unwrap();

        assert_eq!(weak, "W/\"abc\"");
        assert_eq!(weakened(&weak).as_deref(), Some("W/\"abc\""));
        assert!(is_known(TAG.as_bytes(), &weak) && is_known(weak.as_bytes(), TAG));
        for none in ["", "abc", "\"abc", "\"a\"b\"", "W/W/\"abc\"", "\"a\", \"b\"", "*"] {
            assert_eq!(weakened(none), None, "{none}");
        }
    }

    #[test]
    fn a_client_that_names_the_tag_has_the_bytes() {
        for header in [
            "*",
            " * ",
            "\"abc\"",
            "W/\"abc\"",
            "\"x\", \"abc\"",
            "\"x\",W/\"abc\" , \"y\"",
            "\"a,b\", \"abc\"",
            "\"abc\",",
            "\"abc\", ,, \"z\"",
            ", \"abc\"",
            " ,\t,, \"x\" , \"abc\" ,",
        ] {
            assert!(is_known(header.as_bytes(), TAG), "{header}");
        }
    }

    #[test]
    fn a_field_that_names_another_or_is_malformed_is_as_good_as_none() {
        for header in [
            "",
            "abc",
            "\"abd\"",
            "\"abc",
            "abc\"",
            "w/\"abc\"",
            "\"abc\" \"x\"",
            "\"abc\"x",
            "\"abc\", x",
            "\"abc\", *",
            "*, \"abc\"",
            ",",
            ", *",
            "\"x,\"abc\"",
            "\"a bc\"",
        ] {
            assert!(!is_known(header.as_bytes(), TAG), "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_field_makes_the_parser_panic(field in prop::collection::vec(any::<u8>(), 0..60)) {
            is_known(&field, TAG);
        }

        #[test]
        fn a_tag_is_known_to_who_got_it(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let tag = etag(&bytes);

            prop_assert!(is_known(tag.as_bytes(), &tag));
        }
    }
}

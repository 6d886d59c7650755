//! Whether Cloudflare accepts a tag. It silently drops one that it does not accept, in responses and in
//! purges alike, so tags are checked before anything is sent.
//!
//! <https://developers.cloudflare.com/cache/how-to/purge-cache/purge-by-tags/>: at most 1,024
//! characters, printable ASCII without blanks; the tags of one answer at most 16 KB.

use domain::Tag;

const TAG_MAX: usize = 1_024;
/// The total size of one request's tags: the limit of one response's `Cache-Tag`.
pub(crate) const SUM_MAX: usize = 16 * 1_024;

/// A comma separates the tags of `Cache-Tag`, so no tag may contain one.
pub(crate) fn is_purgeable(tag: &Tag) -> bool {
    let text = tag.as_str();
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b',';

    (1..=TAG_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// How many of the first tags fit in one request: by number, and by total size with a comma each.
pub(crate) fn fitting<'a>(tags: impl Iterator<Item = &'a Tag>, most: usize) -> usize {
    let mut sum = 0;

    tags.take(most)
        .take_while(|tag| {
            sum += tag.as_str().len() + 1;
            sum <= SUM_MAX
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Tag {
        serde_json::from_value(text.into()).unwrap()
    }

    #[test]
    fn our_own_tags_are_accepted() {
        for text in ["catalog", "product:prod_01J9ZC4M5T2W3X4Y5Z6A7B8C9D", "slug:blue-mug"] {
            assert!(is_purgeable(&tag(text)), "{text}");
        }
        assert!(is_purgeable(&tag(&"a".repeat(1_024))));
    }

    #[test]
    fn tags_that_would_be_dropped_silently_are_not_sent() {
        for text in ["", "a b", "a,b", "é", "a\u{7f}", "a\n", "a\t", &"a".repeat(1_025)] {
            assert!(!is_purgeable(&tag(text)), "{text:?}");
        }
    }

    #[test]
    fn a_request_holds_a_hundred_tags_or_as_many_as_one_response_could_have() {
        let short = vec![tag("a"); 300];
        let long = vec![tag(&"a".repeat(1_023)); 300];

        assert_eq!(fitting(short.iter(), 100), 100);
        assert_eq!(fitting(long.iter(), 100), 16);
        assert_eq!(fitting([].iter(), 100), 0);
    }
}

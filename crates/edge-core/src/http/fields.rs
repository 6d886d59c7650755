//! Fields of a message as RFC 9110 §5 reads them: lines that belong together, lists with quotes.

use http::{HeaderMap, HeaderName};

/// All lines of a field in one (§5.3). What is no text becomes a character that no grammar here
/// knows, so that it can permit nothing and the rest still counts.
pub(super) fn combined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut lines = headers.get_all(name).iter();
    let mut all = String::from_utf8_lossy(lines.next()?.as_bytes()).into_owned();

    for line in lines {
        all.push_str(", ");
        all.push_str(&String::from_utf8_lossy(line.as_bytes()));
    }
    Some(all)
}

/// The members of a list: a comma in a quoted string parts nothing, empty members are none
/// (§5.6.1.2).
pub(super) fn members(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(list);

    std::iter::from_fn(move || {
        let text = rest?;
        let end = end_of_member(text);
        rest = text.get(end + 1..);
        text.get(..end)
    })
    .map(|member| member.trim_matches([' ', '\t']))
    .filter(|member| !member.is_empty())
}

fn end_of_member(text: &str) -> usize {
    let mut is_quoted = false;
    let mut is_escaped = false;

    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// A token as it is, or what a quoted string says.
pub(super) fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut said = String::with_capacity(inner.len());
    let mut characters = inner.chars();

    while let Some(character) = characters.next() {
        match character {
            '\\' => said.extend(characters.next()),
            _ => said.push(character),
        }
    }
    said
}

/// `delta-seconds`; what is too large counts as 2^31 (RFC 9111 §1.2.2).
pub(super) fn delta_seconds(text: &str) -> Option<u64> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());

    is_digits.then(|| text.parse().unwrap_or(u64::MAX).min(1 << 31))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(list: &str) -> Vec<&str> {
        members(list).collect()
    }

    #[test]
    fn a_comma_in_quotes_parts_nothing() {
        assert_eq!(split(r#"a="b, c", d"#), [r#"a="b, c""#, "d"]);
        assert_eq!(split(r#"a="b\", c", d"#), [r#"a="b\", c""#, "d"]);
        assert_eq!(split(" , a ,, b,"), ["a", "b"]);
        assert_eq!(split(r#"a="b, c"#), [r#"a="b, c"#]);
    }

    #[test]
    fn a_quoted_string_says_what_is_in_it() {
        assert_eq!(unquoted(r#""a\"b""#), "a\"b");
        assert_eq!(unquoted("'a'"), "'a'");
        assert_eq!(unquoted("\""), "\"");
    }

    #[test]
    fn lines_of_one_field_are_one_list() {
        let name = HeaderName::from_static("a");
        let mut headers = HeaderMap::new();
        assert_eq!(combined(&headers, &name), None);

        headers.append(&name, "1".parse().unwrap());
        headers.append(&name, "2".parse().unwrap());

        assert_eq!(combined(&headers, &name).as_deref(), Some("1, 2"));
    }

    proptest! {
        #[test]
        fn no_list_makes_the_splitter_panic(list in ".{0,60}") {
            for member in members(&list) {
                unquoted(member);
                delta_seconds(member);
            }
        }
    }
}

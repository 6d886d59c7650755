//! The readable text of a description that holds HTML: without tags, comments, scripts and styles,
//! and with entities decoded.

use std::borrow::Cow;

/// Elements whose content is no text.
const HIDDEN: [&str; 4] = ["script", "style", "template", "noscript"];
/// Elements inside a line: what they enclose belongs to the word around it (`for<b>tress</b>es`).
/// Any other tag separates words.
const INLINE: [&str; 20] = [
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "em", "font", "i", "ins", "kbd", "mark", "q",
    "s", "small", "span", "strong", "u", "wbr",
];
/// The longest name in [`ENTITIES`].
const ENTITY_MAX: usize = 8;

/// Plain text is returned as it is; a `<` that begins no tag and an `&` that begins no entity stay.
pub(super) fn plain_text(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '&']) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;

    while let Some(at) = rest.find(['<', '&']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let (written, behind) = if rest.starts_with('<') { tag(rest) } else { entity(rest) };
        plain.push_str(&written);
        rest = behind;
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// What a text that begins with `<` contributes up to the end of the tag, and what follows it.
fn tag(text: &str) -> (Cow<'_, str>, &str) {
    if let Some(comment) = text.strip_prefix("<!--") {
        return (Cow::Borrowed(" "), behind(comment, "-->"));
    }
    let inside = &text[1..];
    let named = inside.strip_prefix('/').unwrap_or(inside);
    let is_tag = named.starts_with(|first: char| first.is_ascii_alphabetic() || first == '!');
    let Some(end) = end_of_tag(inside).filter(|_| is_tag) else {
        return (Cow::Borrowed("<"), inside);
    };
    let after = &inside[end..];
    let name_ends = named.find(|it: char| !it.is_ascii_alphanumeric()).unwrap_or(named.len());
    let name = named[..name_ends].to_ascii_lowercase();

    if HIDDEN.contains(&name.as_str()) && inside.len() == named.len() {
        return (Cow::Borrowed(" "), behind_element(after, &name));
    }
    let separator = if INLINE.contains(&name.as_str()) { "" } else { " " };
    (Cow::Borrowed(separator), after)
}

/// The length of a tag, behind its `<`. A `>` in a quoted attribute does not end it.
fn end_of_tag(inside: &str) -> Option<usize> {
    let mut quote = None;

    for (at, character) in inside.char_indices() {
        match (quote, character) {
            (None, '>') => return Some(at + 1),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    // A quote that is never closed, as in `<p title=5">`: the first `>` ends the tag.
    inside.find('>').map(|at| at + 1)
}

/// What stands behind the closing tag of an element; nothing, if it is never closed.
fn behind_element<'a>(text: &'a str, name: &str) -> &'a str {
    let closes = |at: usize| {
        let tag = text.get(at + 2..at + 2 + name.len());
        tag.is_some_and(|tag| tag.eq_ignore_ascii_case(name))
    };
    let close = text.match_indices("</").map(|(at, _)| at).find(|at| closes(*at));

    close.map_or("", |at| behind(&text[at..], ">"))
}

fn behind<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, behind)| behind)
}

/// The character of an entity (`&amp;`, `&#233;`, `&#xe9;`), and what follows it.
fn entity(text: &str) -> (Cow<'_, str>, &str) {
    let inside = &text[1..];
    let name = inside.split(';').next().filter(|name| name.len() <= ENTITY_MAX + 1);
    let decoded = name
        .filter(|name| name.len() < inside.len())
        .and_then(|name| Some((decode(name)?, &inside[name.len() + 1..])));

    match decoded {
        Some((character, behind)) => (Cow::Owned(character.to_string()), behind),
        None => (Cow::Borrowed("&"), inside),
    }
}

fn decode(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?);
    }
    let found = ENTITIES.iter().find(|(known, _)| *known == name);

    found.map(|(_, character)| *character)
}

/// The named entities of HTML 4 for letters, and those for signs that shops write. A name that is not
/// here stays as it is written.
const ENTITIES: &[(&str, char)] = &[
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("ensp", ' '),
    ("emsp", ' '),
    ("thinsp", ' '),
    ("shy", '\u{ad}'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("laquo", '«'),
    ("raquo", '»'),
    ("hellip", '…'),
    ("bull", '•'),
    ("middot", '·'),
    ("copy", '©'),
    ("reg", '®'),
    ("trade", '™'),
    ("deg", '°'),
    ("plusmn", '±'),
    ("times", '×'),
    ("divide", '÷'),
    ("frac12", '½'),
    ("frac14", '¼'),
    ("frac34", '¾'),
    ("sup2", '²'),
    ("sup3", '³'),
    ("micro", 'µ'),
    ("euro", '€'),
    ("pound", '£'),
    ("yen", '¥'),
    ("cent", '¢'),
    ("sect", '§'),
    ("iexcl", '¡'),
    ("iquest", '¿'),
    ("ordf", 'ª'),
    ("ordm", 'º'),
    ("Agrave", 'À'),
    ("Aacute", 'Á'),
    ("Acirc", 'Â'),
    ("Atilde", 'Ã'),
    ("Auml", 'Ä'),
    ("Aring", 'Å'),
    ("AElig", 'Æ'),
    ("Ccedil", 'Ç'),
    ("Egrave", 'È'),
    ("Eacute", 'É'),
    ("Ecirc", 'Ê'),
    ("Euml", 'Ë'),
    ("Igrave", 'Ì'),
    ("Iacute", 'Í'),
    ("Icirc", 'Î'),
    ("Iuml", 'Ï'),
    ("ETH", 'Ð'),
    ("Ntilde", 'Ñ'),
    ("Ograve", 'Ò'),
    ("Oacute", 'Ó'),
    ("Ocirc", 'Ô'),
    ("Otilde", 'Õ'),
    ("Ouml", 'Ö'),
    ("Oslash", 'Ø'),
    ("Ugrave", 'Ù'),
    ("Uacute", 'Ú'),
    ("Ucirc", 'Û'),
    ("Uuml", 'Ü'),
    ("Yacute", 'Ý'),
    ("THORN", 'Þ'),
    ("szlig", 'ß'),
    ("agrave", 'à'),
    ("aacute", 'á'),
    ("acirc", 'â'),
    ("atilde", 'ã'),
    ("auml", 'ä'),
    ("aring", 'å'),
    ("aelig", 'æ'),
    ("ccedil", 'ç'),
    ("egrave", 'è'),
    ("eacute", 'é'),
    ("ecirc", 'ê'),
    ("euml", 'ë'),
    ("igrave", 'ì'),
    ("iacute", 'í'),
    ("icirc", 'î'),
    ("iuml", 'ï'),
    ("eth", 'ð'),
    ("ntilde", 'ñ'),
    ("ograve", 'ò'),
    ("oacute", 'ó'),
    ("ocirc", 'ô'),
    ("otilde", 'õ'),
    ("ouml", 'ö'),
    ("oslash", 'ø'),
    ("ugrave", 'ù'),
    ("uacute", 'ú'),
    ("ucirc", 'û'),
    ("uuml", 'ü'),
    ("yacute", 'ý'),
    ("thorn", 'þ'),
    ("yuml", 'ÿ'),
    ("OElig", 'Œ'),
    ("oelig", 'œ'),
    ("Scaron", 'Š'),
    ("scaron", 'š'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_leave_the_words_that_they_separate_and_join_those_that_they_enclose() {
        for (html, plain) in [
            ("<p style=\"color:red\"><strong>Frost</strong> proof</p>", " Frost proof "),
            ("soft<br/>warm<br>blanket", "soft warm blanket"),
            ("for<b>tress</b>es", "fortresses"),
            ("<UL><LI>Drainage</LI></UL>", "  Drainage  "),
            ("<a title=\"a > b\" href='https://x.example'>Buy</a>", "Buy"),
            ("a<p title=5\">b", "a b"),
        ] {
            assert_eq!(plain_text(html), plain, "{html}");
        }
    }

    #[test]
    fn comments_scripts_and_styles_are_no_text() {
        for html in [
            "a<!-- hidden > note -->b",
            "a<script>var x = '<b>';</script>b",
            "a<STYLE>p > b {}</Style >b",
            "a<!doctype html>b",
        ] {
            assert_eq!(plain_text(html), "a b", "{html}");
        }
        assert_eq!(plain_text("a<script>never closed"), "a ");
        assert_eq!(plain_text("a<!-- never closed"), "a ");
    }

    #[test]
    fn entities_become_their_characters() {
        for (html, plain) in [
            ("Gr&ouml;&szlig;e", "Größe"),
            ("T&#233; caf&#xE9;", "Té café"),
            ("Bread &amp; Butter", "Bread & Butter"),
            ("proof&nbsp;pot", "proof pot"),
        ] {
            assert_eq!(plain_text(html), plain);
        }
    }

    #[test]
    fn what_only_looks_like_markup_stays() {
        for text in [
            "5 < 6 > 4",
            "Salt & Pepper",
            "AT&T; R&D",
            "&unknown; &#xffffffff; &#; &",
            "a <",
            "a <b",
            "<3",
        ] {
            assert_eq!(plain_text(text), text);
        }
    }
}

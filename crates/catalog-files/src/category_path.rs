//! `Apparel > Jackets`: the way from the root to a category, as one text.

const SEPARATOR: &str = ">";

/// The path as text. A name in which a `>` stands alone between blanks gets a backslash before it,
/// so that every path reads back as it was.
pub fn to_text(path: &[String]) -> String {
    let names: Vec<String> =
        path.iter().map(|name| rewrite(name, |word| format!("\\{word}"))).collect();

    names.join(" > ")
}

/// The names of the path, trimmed. Empty names stay: the caller refuses them.
pub fn from_text(text: &str) -> Vec<String> {
    let mut names = vec![Vec::new()];

    for word in text.split(' ') {
        if word == SEPARATOR {
            names.push(Vec::new());
        } else if let Some(name) = names.last_mut() {
            name.push(word);
        }
    }

    names.iter().map(|words| rewrite(words.join(" ").trim(), |word| word[1..].to_owned())).collect()
}

/// Rewrites the words that could be taken for a separator: `>` behind any number of backslashes.
fn rewrite(name: &str, change: impl Fn(&str) -> String) -> String {
    let looks_like_one = |word: &str| word.trim_start_matches('\\') == SEPARATOR;

    if !name.split(' ').any(looks_like_one) {
        return name.to_owned();
    }
    let words: Vec<String> = name
        .split(' ')
        .map(|word| if looks_like_one(word) { change(word) } else { word.to_owned() })
        .collect();

    words.join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_parted_by_a_greater_than_sign_between_blanks() {
        assert_eq!(from_text("Apparel > Jackets"), ["Apparel", "Jackets"]);
        assert_eq!(from_text("A>B"), ["A>B"]);
        assert_eq!(from_text("  Apparel  >  Rain Jackets "), ["Apparel", "Rain Jackets"]);
        assert_eq!(from_text("Apparel >"), ["Apparel", ""]);
        assert_eq!(from_text(r"Odds \> Ends > C:\> Prompt"), ["Odds > Ends", r"C:\> Prompt"]);
    }

    proptest! {
        #[test]
        fn any_path_reads_back_as_it_was(
            path in prop::collection::vec(r"[a>\\]{1,3}( {1,2}[a>\\]{1,3}){0,3}", 1..4),
        ) {
            prop_assert_eq!(from_text(&to_text(&path)), path);
        }
    }
}

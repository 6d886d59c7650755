//! `Apparel > Jackets`: the way from the root to a category, as one text.

const SEPARATOR: &str = ">";
/// What shops put between several categories of one product.
const OF_A_LIST: [char; 3] = [',', ';', '|'];

/// A cell of categories: a product has one here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryCell {
    /// The names of the first path, trimmed. Empty names stay: the caller refuses them.
    pub path: Vec<String>,
    /// The further paths of a list, as they stand there.
    pub further: Vec<String>,
    /// A sign that lists have is part of a name: it may be one name, or a list.
    pub may_be_a_list: bool,
}

/// The path as text. A name in which a `>` stands alone between blanks gets a backslash before it,
/// and so does a sign that could be taken for the end of the path; every path reads back as it was.
pub fn to_text(path: &[String]) -> String {
    let names: Vec<String> = path
        .iter()
        .map(|name| with_backslashes(&rewrite(name, |word| format!("\\{word}"))))
        .collect();

    names.join(" > ")
}

/// One path, or the first of a list of them. `Music > Albums, Music` is a list: a further part names
/// a part of the first path, or both are paths. `Beds, Mattresses` may be a category.
pub fn from_text(text: &str) -> CategoryCell {
    let parts = parts(text);
    let [first, rest @ ..] = parts.as_slice() else { return CategoryCell::of(text) };
    let first = path_of(first);
    let is_another = |part: &str| {
        let path = path_of(part);
        first.contains(&path[0]) || first.len() > 1 && path.len() > 1
    };

    if rest.is_empty() || !rest.iter().all(|part| is_another(part)) {
        return CategoryCell { may_be_a_list: !rest.is_empty(), ..CategoryCell::of(text) };
    }
    let further = rest.iter().map(|part| (*part).to_owned()).collect();
    CategoryCell { path: first, further, may_be_a_list: false }
}

impl CategoryCell {
    fn of(text: &str) -> Self {
        Self { path: path_of(text), further: Vec::new(), may_be_a_list: false }
    }
}

/// Between the signs of a list that have no backslash before them; without empty ones.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, sign) in text.match_indices(OF_A_LIST) {
        if !text[..at].ends_with('\\') {
            parts.push(text[start..at].trim());
            start = at + sign.len();
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn path_of(text: &str) -> Vec<String> {
    let mut names = vec![Vec::new()];

    for word in text.split(' ') {
        if word == SEPARATOR {
            names.push(Vec::new());
        } else if let Some(name) = names.last_mut() {
            name.push(word);
        }
    }
    let name = |words: &Vec<&str>| {
        without_backslashes(&rewrite(words.join(" ").trim(), |word| word[1..].to_owned()))
    };
    names.iter().map(name).collect()
}

fn with_backslashes(name: &str) -> String {
    name.replace(OF_A_LIST[0], "\\,").replace(OF_A_LIST[1], "\\;").replace(OF_A_LIST[2], "\\|")
}

fn without_backslashes(name: &str) -> String {
    name.replace("\\,", ",").replace("\\;", ";").replace("\\|", "|")
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
        let from_text = |text| from_text(text).path;
        assert_eq!(from_text("Apparel > Jackets"), ["Apparel", "Jackets"]);
        assert_eq!(from_text("A>B"), ["A>B"]);
        assert_eq!(from_text("  Apparel  >  Rain Jackets "), ["Apparel", "Rain Jackets"]);
        assert_eq!(from_text("Apparel >"), ["Apparel", ""]);
        assert_eq!(from_text(r"Odds \> Ends > C:\> Prompt"), ["Odds > Ends", r"C:\> Prompt"]);
    }

    #[test]
    fn a_list_gives_its_first_path_and_names_the_others() {
        for (text, path, further) in [
            ("Music > Albums, Music", vec!["Music", "Albums"], vec!["Music"]),
            ("Tops, Tops > Tees", vec!["Tops"], vec!["Tops > Tees"]),
            ("A > B | C > D;", vec!["A", "B"], vec!["C > D"]),
        ] {
            let cell = from_text(text);

            assert_eq!((cell.path, cell.further), (own(&path), own(&further)), "{text}");
        }
    }

    #[test]
    fn what_may_be_one_name_stays_one_and_is_known_to_be_doubtful() {
        for text in ["Beds, Mattresses & Frames", "Home > Beds, Mattresses", "Home, Garden > Pots"]
        {
            let cell = from_text(text);

            assert_eq!((cell.path.join(" > "), cell.may_be_a_list), (text.to_owned(), true));
        }
        assert!(!from_text(r"Beds\, Mattresses").may_be_a_list);
    }

    fn own(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    proptest! {
        #[test]
        fn any_path_reads_back_as_it_was(
            path in prop::collection::vec(r"[a>\\,;|]{1,3}( {1,2}[a>\\,;|]{1,3}){0,3}", 1..4),
        ) {
            let cell = from_text(&to_text(&path));

            prop_assert_eq!(&cell.path, &path);
            prop_assert!(cell.further.is_empty() && !cell.may_be_a_list);
        }
    }
}

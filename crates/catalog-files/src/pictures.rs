//! The addresses in one cell: shops put all pictures of a product there, with a comma, a semicolon
//! or a bar between them.

use domain::ImageUrl;

const SEPARATORS: [char; 4] = [',', ';', '|', '\n'];

/// What an address begins as. All of a list are alike.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Url,
    Path,
    File,
    Other,
}

/// Parts a cell into its addresses. URLs may hold the separators themselves
/// (`https://x.example/w_100,h_100/a.jpg`): a separator counts where an address of the first one's
/// kind begins behind it.
pub(crate) fn split(cell: &str) -> Vec<String> {
    let cell = cell.trim_start_matches(|it: char| SEPARATORS.contains(&it) || it.is_whitespace());
    let mut parts = cell.split_inclusive(SEPARATORS);
    let mut texts: Vec<String> = parts.next().map(str::to_owned).into_iter().collect();
    let kind = texts.first().map_or(Kind::Other, |first| kind_of(bare(first)));

    for part in parts {
        let begins_one = kind != Kind::Other && kind_of(bare(part)) == kind;
        match texts.last_mut() {
            Some(last) if !begins_one => last.push_str(part),
            _ => texts.push(part.to_owned()),
        }
    }
    let texts = texts.iter().map(|text| bare(text).to_owned());
    texts.filter(|text| !text.is_empty()).collect()
}

/// An address as a cell that is read as this one address: a separator behind which another seems to
/// begin is written as its percent encoding.
pub(crate) fn to_cell(url: &ImageUrl) -> String {
    let text = url.as_str();

    if split(text) == [text] {
        text.to_owned()
    } else {
        text.replace(',', "%2C").replace(';', "%3B")
    }
}

/// The alternative texts of `count` pictures, if the cell holds as many.
pub(crate) fn split_alts(cell: &str, count: usize) -> Option<Vec<String>> {
    SEPARATORS.iter().find_map(|separator| {
        let texts: Vec<String> =
            cell.split(*separator).map(|text| text.trim().to_owned()).collect();
        (count > 1 && texts.len() == count).then_some(texts)
    })
}

fn bare(part: &str) -> &str {
    part.trim_end_matches(|it: char| SEPARATORS.contains(&it) || it.is_whitespace()).trim_start()
}

fn kind_of(text: &str) -> Kind {
    if ImageUrl::has_scheme(text) {
        Kind::Url
    } else if text.starts_with('/') {
        Kind::Path
    } else if text.parse::<ImageUrl>().is_ok() {
        Kind::File
    } else {
        Kind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_parted_where_another_address_begins() {
        for (cell, addresses) in [
            ("https://x/a.jpg, https://x/b.jpg", vec!["https://x/a.jpg", "https://x/b.jpg"]),
            ("https://x/a.jpg|http://x/b.jpg;", vec!["https://x/a.jpg", "http://x/b.jpg"]),
            ("https://x/a.jpg;;https://x/b.jpg", vec!["https://x/a.jpg", "https://x/b.jpg"]),
            ("/m/u/a.jpg,/m/u/b.jpg", vec!["/m/u/a.jpg", "/m/u/b.jpg"]),
            ("a.jpg,b.png", vec!["a.jpg", "b.png"]),
            ("https://x/a.jpg\nhttps://x/b.jpg", vec!["https://x/a.jpg", "https://x/b.jpg"]),
            ("https://x/w_1,h_1/a.jpg", vec!["https://x/w_1,h_1/a.jpg"]),
            ("https://x/a;v=1,c.jpg", vec!["https://x/a;v=1,c.jpg"]),
            ("; https://x/a.jpg,,", vec!["https://x/a.jpg"]),
            ("https://x/a,;b.jpg", vec!["https://x/a,;b.jpg"]),
            ("see shelf 4, or 5", vec!["see shelf 4, or 5"]),
            ("", vec![]),
        ] {
            assert_eq!(split(cell), addresses, "{cell}");
        }
    }

    #[test]
    fn an_address_that_looks_like_a_list_is_written_as_one() {
        for text in ["/a,/b", "https://x/a,https://y/b;c", "https://x/a,b", "a.jpg,b.jpg"] {
            let url: ImageUrl = text.parse().unwrap();

            assert_eq!(split(&to_cell(&url)).len(), 1, "{text}");
        }
    }
}

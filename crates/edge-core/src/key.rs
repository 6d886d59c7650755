//! The key of an answer: its canonical request and its encoding.

use std::fmt::Write as _;

use domain::CatalogRead;

use crate::Encoding;

/// A key has one read, and a read one key (`tests/keys.rs`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    text: String,
    target_len: usize,
    pub encoding: Encoding,
}

/// Longer than most keys, so that they are written without growing.
const USUAL_LEN: usize = 96;
/// A blank and the longest encoding.
const ENCODING_LEN: usize = 9;

impl Key {
    pub fn new(read: &CatalogRead, encoding: Encoding) -> Self {
        let mut text = String::with_capacity(USUAL_LEN);
        write!(text, "{read}").expect("a string takes every text");

        Self::of(text, encoding)
    }

    /// The key whose canonical text is `target`, without parsing it. For a target that is not
    /// canonical it is a key under which nothing is stored.
    pub fn raw(target: &str, encoding: Encoding) -> Self {
        let mut text = String::with_capacity(target.len() + ENCODING_LEN);
        text.push_str(target);

        Self::of(text, encoding)
    }

    fn of(mut text: String, encoding: Encoding) -> Self {
        let target_len = text.len();
        // No request line's target holds a blank.
        text.push(' ');
        text.push_str(encoding.as_str());

        Self { text, target_len, encoding }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The request to the origin.
    pub fn target(&self) -> &str {
        &self.text[..self.target_len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Route;

    #[test]
    fn a_canonical_target_is_its_own_key() {
        let target = "/products?limit=12";
        let Ok(Route::Catalog(read)) = Route::of("GET", target) else { panic!("{target}") };

        let key = Key::new(&read, Encoding::Gzip);

        assert_eq!((key.target(), key.as_str()), (target, "/products?limit=12 gzip"));
        assert_eq!(Key::raw(target, Encoding::Gzip), key);
        assert_ne!(Key::raw("/products?limit=%31%32", Encoding::Gzip), key);
        assert_ne!(Key::raw(target, Encoding::Brotli), key);
    }
}

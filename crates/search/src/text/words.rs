//! How text becomes words: one spelling for accents, case, apostrophes and hyphens, in products
//! and in the search box alike. Nothing in it is an operator.

use std::borrow::Cow;
use std::hash::Hasher;

use frostem::{Algorithm, Stemmer};
use rustc_hash::FxHasher;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// In bytes. Longer words are cut on both sides, so they still find each other.
const WORD_MAX: usize = 64;

/// Words that say nothing about a product: a search does not insist on them.
const STOP_WORDS: [&str; 24] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "from", "in", "into", "is",
    "it", "of", "on", "or", "that", "the", "this", "to", "with", "your",
];

/// Lower case without accents: `Crème BRÛLÉE` and `creme brulee` are the same. Scripts whose marks
/// are letters (Devanagari's vowels, kana, Hangul) keep them.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len());
    let characters = text
        .chars()
        .filter(|character| !is_ornament(*character))
        .nfkd()
        .filter(|character| !is_accent(*character))
        .flat_map(char::to_lowercase)
        .nfc();

    for character in characters {
        match character {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            _ => folded.push(character),
        }
    }
    folded
}

/// Calls `take` with each word of a folded text and the number of the chunk that it is part of:
/// `t-shirt` is the words `t` and `shirt` of one chunk.
pub(crate) fn words(folded: &str, mut take: impl FnMut(&str, usize)) {
    let mut word = String::new();
    let mut chunk = 0;
    let mut finish = |word: &mut String, chunk| {
        if !word.is_empty() {
            take(word, chunk);
            word.clear();
        }
    };

    for character in folded.chars() {
        match Kind::of(character) {
            Kind::Letter if word.len() + character.len_utf8() <= WORD_MAX => word.push(character),
            Kind::Letter | Kind::Apostrophe => {}
            Kind::Hyphen => finish(&mut word, chunk),
            Kind::Break => {
                finish(&mut word, chunk);
                chunk += 1;
            }
            Kind::Sign => {
                finish(&mut word, chunk);
                word.push(character);
                finish(&mut word, chunk + 1);
                chunk += 2;
            }
        }
    }
    finish(&mut word, chunk);
}

/// As [`words`], and each chunk of several words once more as one: `tshirt` finds `t-shirt`.
pub(crate) fn words_and_compounds(folded: &str, mut take: impl FnMut(&str)) {
    let mut compound = String::new();
    let mut parts = 0;
    let mut of = 0;

    words(folded, |word, chunk| {
        if chunk != of {
            if parts > 1 {
                take(&compound);
            }
            compound.clear();
            parts = 0;
            of = chunk;
        }
        take(word);
        push_within(&mut compound, word);
        parts += 1;
    });
    if parts > 1 {
        take(&compound);
    }
}

/// Letters and digits alone: a SKU is looked up without what separates them.
pub(crate) fn squeezed(text: &str) -> String {
    let mut squeezed = String::new();
    words(&fold(text), |word, _| push_within(&mut squeezed, word));

    squeezed
}

pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// The number that all forms of an English word share: `jackets` and `jacket`.
pub(crate) fn stem(word: &str) -> u64 {
    let plain = word.bytes().all(|byte| byte.is_ascii_lowercase());
    let stemmed =
        if plain { Stemmer::new(Algorithm::English).stem(word) } else { Cow::Borrowed(word) };
    let mut hasher = FxHasher::default();
    hasher.write(stemmed.as_bytes());

    hasher.finish()
}

fn push_within(text: &mut String, word: &str) {
    if text.len() + word.len() <= WORD_MAX {
        text.push_str(word);
    }
}

enum Kind {
    Letter,
    /// Joins: "women's" is one word.
    Apostrophe,
    /// Parts words, but not chunks.
    Hyphen,
    /// A word of its own: scripts without blanks, and emoji.
    Sign,
    Break,
}

impl Kind {
    fn of(character: char) -> Self {
        match character {
            'a'..='z' | '0'..='9' => Self::Letter,
            '\'' | '’' | '‘' | 'ʼ' | '`' => Self::Apostrophe,
            '-' | '_' | '.' | '/' | '+' | '&' | '·' | '\u{2010}' => Self::Hyphen,
            // Kana, CJK ideographs with their extensions.
            '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}'
                if character.is_alphanumeric() =>
            {
                Self::Sign
            }
            // Miscellaneous symbols and dingbats, then the planes of emoji.
            '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1faff}' => Self::Sign,
            _ if character.is_alphanumeric() || is_combining_mark(character) => Self::Letter,
            _ => Self::Break,
        }
    }
}

/// The blocks of combining diacritical marks: what é has and e has not.
fn is_accent(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Characters that are never typed: trade marks (which NFKD would turn into letters), soft hyphens,
/// zero-width characters, variation selectors and skin tones.
fn is_ornament(character: char) -> bool {
    matches!(character,
        '™' | '℠' | '®' | '©' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        words_and_compounds(&fold(text), |word| found.push(word.to_owned()));
        found
    }

    #[test]
    fn case_accents_and_ligatures_have_one_spelling() {
        assert_eq!(fold("Crème BRÛLÉE"), "creme brulee");
        assert_eq!(fold("Straße Œuvre Ærø Łódź İstanbul"), "strasse oeuvre aero lodz istanbul");
        assert_eq!(fold("ﬁne ２０ Gore™"), "fine 20 gore");
    }

    #[test]
    fn an_apostrophe_joins_and_a_hyphen_does_both() {
        assert_eq!(all("Women's T-Shirt"), ["womens", "t", "shirt", "tshirt"]);
        assert_eq!(all("rock ’n’ roll"), ["rock", "n", "roll"]);
        assert_eq!(all("a - b"), ["a", "b"]);
    }

    #[test]
    fn scripts_without_blanks_and_emoji_are_words_of_one_character() {
        assert_eq!(all("日本 bag🎒👍🏽"), ["日", "本", "bag", "🎒", "👍"]);
        assert_eq!(all("हिन्दी 한국"), ["हिन्दी", "한국"]);
    }

    #[test]
    fn forms_of_a_word_share_a_stem_and_codes_do_not() {
        assert_eq!(stem("jackets"), stem("jacket"));
        assert_eq!(stem("womens"), stem("women"));
        assert_ne!(stem("x100s"), stem("x100"));
    }

    #[test]
    fn the_stop_words_are_sorted_for_their_search() {
        assert!(STOP_WORDS.is_sorted());
        assert!(is_stop_word("with"));
    }

    #[test]
    fn a_sku_is_squeezed_to_letters_and_digits() {
        assert_eq!(squeezed("ABC-12/x_3"), "abc12x3");
    }
}

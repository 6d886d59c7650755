//! What a name may hold: one rule for what admins send and for what files bring.

use std::ops::RangeInclusive;

/// Why a text can't stand on a page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    #[error("begins or ends with a blank")]
    Blank,
    #[error("has {} to {} characters", .0.start(), .0.end())]
    Length(RangeInclusive<usize>),
    #[error("holds the control character {}", .0.escape_unicode())]
    ControlCharacter(char),
    /// Such a character shows the rest of the page in another order than it was written.
    #[error("holds {}, which changes the direction of the text around it", .0.escape_unicode())]
    BidiControl(char),
    #[error("has no character that can be seen")]
    Invisible,
}

impl InvalidText {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Length(_) => "length",
            Self::ControlCharacter(_) => "control_character",
            Self::BidiControl(_) => "bidi_control",
            Self::Invisible => "invisible",
        }
    }
}

/// Everything that is wrong with a text of one line: a name, a brand, a value. One that may be
/// empty may be invisible as well.
///
/// Embeddings, overrides and isolates are refused rather than taken out: what is left would not be
/// what was sent. Marks and joiners (U+200E, U+200F, U+061C, U+200C, U+200D) are part of how
/// Arabic, Hebrew, Persian and emoji are written, and stay.
pub fn faults_of_line(text: &str, lengths: RangeInclusive<usize>) -> Vec<InvalidText> {
    let mut faults = Vec::new();
    let may_be_empty = *lengths.start() == 0;

    if text.trim().len() != text.len() {
        faults.push(InvalidText::Blank);
    }
    if !lengths.contains(&text.chars().count()) {
        faults.push(InvalidText::Length(lengths));
    }
    faults.extend(text.chars().find(|it| it.is_control()).map(InvalidText::ControlCharacter));
    faults.extend(text.chars().find(|it| is_bidi_control(*it)).map(InvalidText::BidiControl));
    if !may_be_empty && !text.is_empty() && text.chars().all(is_invisible) {
        faults.push(InvalidText::Invisible);
    }
    faults
}

/// Embeddings, overrides and isolates, of Unicode's property Bidi_Control.
const fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A character that leaves no mark: white space, controls, Unicode's Default_Ignorable_Code_Point,
/// the blank braille pattern, and annotation marks.
pub fn is_invisible(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<&'static str> {
        faults_of_line(text, 1..=20).iter().map(InvalidText::code).collect()
    }

    #[test]
    fn a_name_of_invisible_characters_is_refused() {
        for text in [
            "\u{200b}",
            "\u{200b}\u{200d}\u{feff}",
            "\u{ad}",
            "\u{2060}",
            "\u{3164}",
            "\u{2800}\u{2800}",
            "\u{200e}\u{200f}",
            "\u{fe0f}",
            "\u{e0041}",
        ] {
            assert_eq!(codes(text), ["invisible"], "{}", text.escape_unicode());
        }
        for text in [" ", "\u{a0}", "\u{3000}", "\u{2028}", "\u{2003}\u{2003}"] {
            assert!(codes(text).contains(&"invisible"), "{}", text.escape_unicode());
        }
    }

    #[test]
    fn a_character_that_turns_the_text_around_is_refused_wherever_it_stands() {
        for character in ['\u{202a}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2069}'] {
            assert_eq!(codes(&format!("a{character}b")), ["bidi_control"]);
        }
    }

    #[test]
    fn what_scripts_and_emoji_are_written_with_stays() {
        for text in
            ["می\u{200c}خواهم", "👩\u{200d}🚀", "❤\u{fe0f}", "שלום\u{200f}!", "Ki\u{ad}tchen"]
        {
            assert_eq!(codes(text), [""; 0], "{}", text.escape_unicode());
        }
    }

    #[test]
    fn a_text_that_may_be_empty_may_be_invisible() {
        assert_eq!(faults_of_line("", 0..=5), []);
        assert_eq!(faults_of_line("", 1..=5), [InvalidText::Length(1..=5)]);
    }
}

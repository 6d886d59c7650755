//! Text whose UTF-8 bytes were read as Windows-1252 and saved again: `KÃ¤se` where `Käse` was meant.
//! Spreadsheets do that to a CSV file that has no byte order mark.

/// What Windows-1252 has at 0x80 to 0x9f; the five unassigned bytes are controls there.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The text that was meant, if `text` was encoded twice. A text is only taken for one when all of it
/// decodes: a chance hit needs every accented letter to stand before a fitting sign.
pub(crate) fn undo_double_encoding(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let bytes: Vec<u8> = text.chars().map(windows_1252).collect::<Option<_>>()?;

    String::from_utf8(bytes).ok()
}

fn windows_1252(character: char) -> Option<u8> {
    match character {
        '\0'..='\u{7f}' | '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(character)).ok(),
        _ => HIGH.iter().zip(0x80..).find(|(high, _)| **high == character).map(|(_, byte)| byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_twice_is_recognised() {
        for meant in ["Käsemesser", "Crème brûlée", "Größe – 5 €", "Łódź", "日本", "❤"]
        {
            let twice: String = meant.bytes().map(as_windows_1252).collect();

            assert_eq!(undo_double_encoding(&twice).as_deref(), Some(meant), "{twice}");
        }
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in
            ["", "Cheese", "Käse", "Â", "São Paulo", "«été»", "5 €", "日本", "naïve Ã", "ÄÖÜ"]
        {
            assert_eq!(undo_double_encoding(text), None, "{text}");
        }
    }

    fn as_windows_1252(byte: u8) -> char {
        if (0x80..0xa0).contains(&byte) { HIGH[usize::from(byte) - 0x80] } else { char::from(byte) }
    }
}

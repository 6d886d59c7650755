//! Limits how much of a value a log line shows: addresses, keys and causes come from outside and may
//! be long.

use std::fmt::{self, Write};

use tracing::field::Field;

/// Longer than almost every key; a line has few values.
const BYTES_MAX: usize = 512;
/// Some hundred frames; only where `RUST_BACKTRACE` asks for them.
const BACKTRACE_BYTES_MAX: usize = 16 << 10;

/// Writes the first bytes that fit, and counts all of them.
pub(crate) struct Cut<'a> {
    out: &'a mut dyn Write,
    room: usize,
    len: usize,
}

impl<'a> Cut<'a> {
    /// Writes as much of a field's value as fits, followed by its length if that is not all.
    pub(crate) fn write(
        out: &'a mut dyn Write,
        field: &Field,
        value: fmt::Arguments<'_>,
    ) -> fmt::Result {
        let room = if field.name() == "backtrace" { BACKTRACE_BYTES_MAX } else { BYTES_MAX };

        Self::within(out, room, value)
    }

    fn within(out: &'a mut dyn Write, room: usize, value: fmt::Arguments<'_>) -> fmt::Result {
        let mut cut = Self { out, room, len: 0 };
        cut.write_fmt(value)?;

        match cut.len > room {
            true => write!(cut.out, "… ({} bytes)", cut.len),
            false => Ok(()),
        }
    }
}

impl Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let shown = &text[..text.floor_char_boundary(self.room)];
        self.len += text.len();
        // The first character that does not fit ends it, even if a later, shorter one would fit.
        self.room = if shown.len() < text.len() { 0 } else { self.room - shown.len() };

        self.out.write_str(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> String {
        let mut out = String::new();
        Cut::within(&mut out, BYTES_MAX, format_args!("{text}")).unwrap();
        out
    }

    #[test]
    fn what_is_short_stays_as_it_is() {
        let longest = "k".repeat(BYTES_MAX);

        assert_eq!(cut("/products/mug"), "/products/mug");
        assert_eq!(cut(&longest), longest);
    }

    #[test]
    fn what_is_long_shows_its_beginning_and_its_length() {
        let shown = cut(&"k".repeat(1_800));

        assert_eq!(shown, format!("{}… (1800 bytes)", "k".repeat(BYTES_MAX)));
    }

    #[test]
    fn a_letter_is_never_cut_in_two() {
        let shown = cut(&format!("{}é!", "k".repeat(BYTES_MAX - 1)));

        assert_eq!(shown, format!("{}… (514 bytes)", "k".repeat(BYTES_MAX - 1)));
    }
}

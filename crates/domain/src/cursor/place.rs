//! Cursors of lists that are ordered by one key: the ledger, the audit list, the admin's products.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use xxhash_rust::xxh3::xxh3_64;

use super::{InvalidCursor, check};

/// No cursor of a shopper's list begins with it.
const VERSION: u8 = 2;
/// In bytes; ids and versions are a third of it.
const PLACE_MAX: usize = 80;

/// Where a page of a list ended, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceCursor {
    list: u32,
    pub place: String,
}

impl PlaceCursor {
    /// `list` names the list and its filters: the cursor is good for no other one.
    pub fn new(list: &str, place: impl fmt::Display) -> Self {
        Self { list: (xxh3_64(list.as_bytes()) >> 32) as u32, place: place.to_string() }
    }

    /// # Errors
    /// When the text was not printed by a cursor of this list.
    pub fn read(text: &str, list: &str) -> Result<Self, InvalidCursor> {
        let place = place(text).ok_or(InvalidCursor)?;
        let cursor = Self::new(list, place);

        // One cursor, one spelling, and this list's.
        if cursor.to_string() == text { Ok(cursor) } else { Err(InvalidCursor) }
    }
}

fn place(text: &str) -> Option<String> {
    if text.len() > PLACE_MAX * 2 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (body, _) = bytes.split_last_chunk::<4>()?;
    let (_, place) = body.split_first_chunk::<5>()?;

    String::from_utf8(place.to_vec()).ok().filter(|place| place.len() <= PLACE_MAX)
}

impl fmt::Display for PlaceCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        bytes.extend(self.list.to_be_bytes());
        bytes.extend(self.place.as_bytes());
        bytes.extend(check(&bytes));

        formatter.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_is_good_for_the_list_that_gave_it_out_alone() {
        let text = PlaceCursor::new("ledger/A-1", 7).to_string();

        assert_eq!(PlaceCursor::read(&text, "ledger/A-1").unwrap().place, "7");
        assert_eq!(PlaceCursor::read(&text, "ledger/A-2"), Err(InvalidCursor));
        assert!(text.parse::<crate::Cursor>().is_err());
    }

    proptest! {
        #[test]
        fn a_changed_cursor_is_refused(
            place in "[A-Za-z0-9_.]{0,40}",
            at in any::<prop::sample::Index>(),
            other in "[A-Za-z0-9_-]",
        ) {
            let text = PlaceCursor::new("audit", &place).to_string();
            let at = at.index(text.len());
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);

            prop_assert_eq!(PlaceCursor::read(&text, "audit").unwrap().place, place);
            prop_assume!(changed != text);
            prop_assert_eq!(PlaceCursor::read(&changed, "audit"), Err(InvalidCursor));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
            let _ = PlaceCursor::read(&text, "audit");
        }
    }
}

//! Cursors: opaque, versioned, canonical and checked. The same page of the same list always has
//! the same cursor, so page two can be a cache hit, and a cursor of another list is refused.

mod place;

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use xxhash_rust::xxh3::xxh3_64;

use crate::ProductId;

pub use place::PlaceCursor;

const VERSION: u8 = 1;
/// The longest name that sorts by itself; two longer ones that agree so far sort by id.
pub const TEXT_MAX: usize = 64;

/// Where a page ended: the last product's sort key, and its id for ties.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// [`crate::ListQuery::fingerprint`] of the list that it belongs to.
    pub list: u32,
    pub key: CursorKey,
    pub id: ProductId,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CursorKey {
    /// The id alone decides.
    Id,
    /// An amount, a rank, or a relevance.
    Number(i64),
    /// A folded name, at most [`TEXT_MAX`] bytes.
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor that this shop gave out")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        bytes.extend(self.list.to_be_bytes());
        bytes.extend(self.id.to_bytes());
        match &self.key {
            CursorKey::Id => bytes.push(0),
            CursorKey::Number(number) => {
                bytes.push(1);
                bytes.extend(number.to_be_bytes());
            }
            CursorKey::Text(text) => {
                bytes.push(2);
                bytes.extend(text.as_bytes());
            }
        }
        bytes.extend(check(&bytes));

        formatter.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        if text.len() > 160 {
            return Err(InvalidCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let (body, sum) = bytes.split_last_chunk::<4>().ok_or(InvalidCursor)?;
        if *sum != check(body) {
            return Err(InvalidCursor);
        }
        let (version, rest) = body.split_first().ok_or(InvalidCursor)?;
        let (list, rest) = rest.split_first_chunk::<4>().ok_or(InvalidCursor)?;
        let (id, rest) = rest.split_first_chunk::<16>().ok_or(InvalidCursor)?;
        let key = match rest {
            [0] => CursorKey::Id,
            [1, number @ ..] => {
                CursorKey::Number(i64::from_be_bytes(number.try_into().map_err(|_| InvalidCursor)?))
            }
            [2, text @ ..] if text.len() <= TEXT_MAX => {
                CursorKey::Text(String::from_utf8(text.to_vec()).map_err(|_| InvalidCursor)?)
            }
            _ => return Err(InvalidCursor),
        };
        let cursor = Self { list: u32::from_be_bytes(*list), key, id: ProductId::from_bytes(*id) };

        // One cursor, one spelling: else the edge would keep the same page under several keys.
        if *version == VERSION && cursor.to_string() == text {
            Ok(cursor)
        } else {
            Err(InvalidCursor)
        }
    }
}

/// Finds slips of the keyboard and cut links. It is no secret: a made-up cursor gives away nothing
/// that the list would not show.
fn check(body: &[u8]) -> [u8; 4] {
    (xxh3_64(body) as u32).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_cursor() -> impl Strategy<Value = Cursor> {
        let key = prop_oneof![
            Just(CursorKey::Id),
            any::<i64>().prop_map(CursorKey::Number),
            "[a-z ]{0,64}".prop_map(CursorKey::Text),
        ];

        (any::<u32>(), key, any::<[u8; 16]>()).prop_map(|(list, key, id)| Cursor {
            list,
            key,
            id: ProductId::from_bytes(id),
        })
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back_as_it_was_printed(cursor in any_cursor()) {
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn a_cursor_with_one_character_changed_is_refused(
            cursor in any_cursor(),
            at in any::<prop::sample::Index>(),
            other in "[A-Za-z0-9_-]",
        ) {
            let text = cursor.to_string();
            let at = at.index(text.len());
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);

            prop_assume!(changed != text);
            prop_assert_eq!(changed.parse::<Cursor>(), Err(InvalidCursor));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
            let _ = text.parse::<Cursor>();
        }
    }
}

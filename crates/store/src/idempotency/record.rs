//! What is stored under an idempotency key.

use domain::Stamp;
use ports::{Action, Update};
use serde::{Deserialize, Serialize};

/// So much of a body is in one item; an item has at most 400 KiB, its escapes and names included.
const BODY_ITEM_BYTES: usize = 256 << 10;
/// The attribute of an item with more of a body.
pub(super) const BODY: &str = "body";
const PLACE: &str = "place";

/// An answer, as it was or will be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// An answer that a key gives from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub response: StoredResponse,
    /// The place in the change log of the write that it answers.
    #[serde(default)]
    pub place: Option<Stamp>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub request: String,
    pub owner: String,
    /// Milliseconds since 1970.
    pub lease_until: u64,
    pub expires_at: u64,
    #[serde(default)]
    pub response: Option<StoredResponse>,
    #[serde(default)]
    pub place: Option<Stamp>,
    /// Items that the rest of the body is in.
    #[serde(default)]
    pub body_items: u32,
}

/// The answer of one operation of a request that has several.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PartRecord {
    #[serde(flatten)]
    pub recorded: Recorded,
    pub expires_at: u64,
}

impl StoredResponse {
    /// The answer with as much of its body as one item holds, and the rest in pieces.
    pub(super) fn split(&self) -> (Self, Vec<&str>) {
        let (first, mut rest) = piece(&self.body);
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (next, after) = piece(rest);
            pieces.push(next);
            rest = after;
        }

        (Self { body: first.to_owned(), headers: self.headers.clone(), ..*self }, pieces)
    }
}

fn piece(text: &str) -> (&str, &str) {
    text.split_at(text.floor_char_boundary(BODY_ITEM_BYTES))
}

/// Notes the place of a write in the record of its answer, the first of its actions.
pub(crate) fn record_place(actions: &mut [Action], place: &Stamp) {
    match actions.first_mut() {
        Some(Action::Update { updates, .. }) => {
            updates.push(Update::Set(PLACE.into(), place.to_string().into()));
        }
        Some(Action::Put { attributes, .. }) => {
            attributes.0.insert(PLACE.into(), place.to_string().into());
        }
        Some(Action::Delete { .. } | Action::Check { .. }) | None => {}
    }
}

//! A kept answer as bytes, for a store that knows nothing of it: what describes it in front, then
//! its body. The store must not be asked what it thinks of `Vary`, `Age` or freshness, so it is
//! shown nothing that it could have an opinion of.

use std::time::Duration;

use domain::{Resource, RowId, TagHash, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Entry;
use crate::fields::Fields;

/// Everything of a kept answer but its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    pub entry: Entry,
    /// The newest row that the origin had taken when it answered. A reader that has not taken it
    /// can't know whether it was undone since.
    pub seen: RowId,
    pub status: u16,
    pub fields: Fields,
}

/// What stands in front of the label: its length in bytes, little end first.
pub const LENGTH_BYTES: usize = 4;
/// Of a label: a thousand tags of twenty digits and as many bytes of header fields.
pub const LABEL_MAX: usize = 64 << 10;

#[derive(Serialize, Deserialize)]
struct Label {
    /// Another build's label may mean something else.
    version: u32,
    resource: String,
    stamp: String,
    seen: String,
    tags: Vec<u64>,
    stored_at: u64,
    initial_age: u64,
    ttl: u64,
    status: u16,
    fields: String,
}

const VERSION: u32 = 2;

impl Parcel {
    /// The length and the label, behind which the body goes; `None` for a label that is too long.
    pub fn front(&self) -> Option<Vec<u8>> {
        let label = Label {
            version: VERSION,
            resource: self.entry.resource.name().to_owned(),
            stamp: self.entry.stamp.to_string(),
            seen: self.seen.to_string(),
            tags: self.entry.tags.iter().map(|tag| tag.0).collect(),
            stored_at: self.entry.stored_at.as_millis(),
            initial_age: millis(self.entry.initial_age),
            ttl: millis(self.entry.ttl),
            status: self.status,
            fields: self.fields.to_lines(),
        };
        let json = serde_json::to_vec(&label).ok().filter(|json| json.len() <= LABEL_MAX)?;
        let mut front = u32::try_from(json.len()).ok()?.to_le_bytes().to_vec();

        front.extend(json);
        Some(front)
    }

    /// How long the label is that these bytes announce; `None` if nobody can have written them.
    pub fn label_len(length: [u8; LENGTH_BYTES]) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(length)).ok().filter(|length| *length <= LABEL_MAX)
    }

    pub fn of_label(label: &[u8]) -> Option<Self> {
        let label: Label = serde_json::from_slice(label).ok()?;
        if label.version != VERSION {
            return None;
        }
        let resource = Resource::ALL.into_iter().find(|one| one.name() == label.resource)?;

        Some(Self {
            entry: Entry {
                resource,
                stamp: label.stamp.parse().ok()?,
                tags: label.tags.into_iter().map(TagHash).collect(),
                stored_at: Timestamp::from_millis(label.stored_at),
                initial_age: Duration::from_millis(label.initial_age),
                ttl: Duration::from_millis(label.ttl),
            },
            seen: label.seen.parse().ok()?,
            status: label.status,
            fields: Fields::of_lines(&label.fields),
        })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use domain::{LogId, Seq, Stamp};
    use proptest::prelude::*;

    use super::*;

    fn parcel() -> Parcel {
        let mut fields = Fields::default();
        fields.set("content-type", "application/json");
        fields.set("etag", "\"é\"");

        Parcel {
            entry: Entry {
                resource: Resource::Search,
                stamp: Stamp { log: LogId::new("L").unwrap(), seq: Seq(7) },
                tags: Box::new([TagHash(u64::MAX), TagHash(0)]),
                stored_at: Timestamp::from_millis(1_795_442_552_000),
                initial_age: Duration::from_secs(3),
                ttl: Duration::from_millis(299_999),
            },
            seen: "L.9.00000000000000ff".parse().unwrap(),
            status: 200,
            fields,
        }
    }

    #[test]
    fn a_parcel_reads_back_as_it_was_packed() {
        let front = parcel().front().unwrap();
        let (length, label) = front.split_at(LENGTH_BYTES);

        assert_eq!(Parcel::label_len(length.try_into().unwrap()), Some(label.len()));
        assert_eq!(Parcel::of_label(label), Some(parcel()));
    }

    #[test]
    fn what_another_build_packed_is_left_alone() {
        let front = parcel().front().unwrap();
        let label = String::from_utf8(front[LENGTH_BYTES..].to_vec()).unwrap();

        let other = label.replacen("\"version\":2", "\"version\":1", 1);

        assert_eq!(Parcel::of_label(other.as_bytes()), None);
        assert_eq!(Parcel::label_len([0xff; 4]), None);
    }

    #[test]
    fn a_label_has_a_bound() {
        let mut large = parcel();
        large.fields.set("x", "x".repeat(LABEL_MAX));

        assert_eq!(large.front(), None);
    }

    proptest! {
        #[test]
        fn no_label_makes_the_reader_panic(label in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(Parcel::of_label(&label), None);
        }
    }
}

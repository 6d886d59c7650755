//! A stored response as bytes, for a cache that understands nothing of it: a header that describes
//! it, then its body. The cache's own rules on `Vary`, `Age` and freshness must not apply, so it
//! sees none of these fields.

use std::time::Duration;

use domain::{Resource, RowId, TagHash, Timestamp};
use serde::{Deserialize, Serialize};

use crate::EntryMeta;
use crate::fields::Fields;

/// Everything of a stored response but its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEnvelope {
    pub meta: EntryMeta,
    /// The newest row that the origin had taken when it answered. A reader that has not taken it
    /// can't know whether it was undone since.
    pub seen: RowId,
    pub status: u16,
    pub fields: Fields,
}

/// What precedes the header: its length in bytes, little endian.
pub const LENGTH_BYTES: usize = 4;
/// Of a header: a thousand tags of twenty digits and as many bytes of header fields.
pub const HEADER_BYTES_MAX: usize = 64 << 10;

#[derive(Serialize, Deserialize)]
struct EntryHeader {
    /// Another build's header may mean something else.
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

impl StoredEnvelope {
    /// The length and the header, behind which the body goes; `None` for a header that is too long.
    pub fn prefix(&self) -> Option<Vec<u8>> {
        let header = EntryHeader {
            version: VERSION,
            resource: self.meta.resource.name().to_owned(),
            stamp: self.meta.stamp.to_string(),
            seen: self.seen.to_string(),
            tags: self.meta.tags.iter().map(|tag| tag.0).collect(),
            stored_at: self.meta.stored_at.as_millis(),
            initial_age: millis(self.meta.initial_age),
            ttl: millis(self.meta.ttl),
            status: self.status,
            fields: self.fields.to_lines(),
        };
        let json =
            serde_json::to_vec(&header).ok().filter(|json| json.len() <= HEADER_BYTES_MAX)?;
        let mut prefix = u32::try_from(json.len()).ok()?.to_le_bytes().to_vec();

        prefix.extend(json);
        Some(prefix)
    }

    /// The length of the header that these bytes announce; `None` if it is beyond the bound.
    pub fn header_len(length: [u8; LENGTH_BYTES]) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(length))
            .ok()
            .filter(|length| *length <= HEADER_BYTES_MAX)
    }

    pub fn of_header(header: &[u8]) -> Option<Self> {
        let header: EntryHeader = serde_json::from_slice(header).ok()?;
        if header.version != VERSION {
            return None;
        }
        let resource = Resource::ALL.into_iter().find(|one| one.name() == header.resource)?;

        Some(Self {
            meta: EntryMeta {
                resource,
                stamp: header.stamp.parse().ok()?,
                tags: header.tags.into_iter().map(TagHash).collect(),
                stored_at: Timestamp::from_millis(header.stored_at),
                initial_age: Duration::from_millis(header.initial_age),
                ttl: Duration::from_millis(header.ttl),
            },
            seen: header.seen.parse().ok()?,
            status: header.status,
            fields: Fields::of_lines(&header.fields),
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

    fn envelope() -> StoredEnvelope {
        let mut fields = Fields::default();
        fields.set("content-type", "application/json");
        fields.set("etag", "\"é\"");

        StoredEnvelope {
            meta: EntryMeta {
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
    fn an_envelope_reads_back_as_it_was_written() {
        let prefix = envelope().prefix().unwrap();
        let (length, header) = prefix.split_at(LENGTH_BYTES);

        assert_eq!(StoredEnvelope::header_len(length.try_into().unwrap()), Some(header.len()));
        assert_eq!(StoredEnvelope::of_header(header), Some(envelope()));
    }

    #[test]
    fn an_envelope_of_another_version_is_ignored() {
        let prefix = envelope().prefix().unwrap();
        let header = String::from_utf8(prefix[LENGTH_BYTES..].to_vec()).unwrap();

        let other = header.replacen("\"version\":2", "\"version\":1", 1);

        assert_eq!(StoredEnvelope::of_header(other.as_bytes()), None);
        assert_eq!(StoredEnvelope::header_len([0xff; 4]), None);
    }

    #[test]
    fn a_header_has_a_bound() {
        let mut large = envelope();
        large.fields.set("x", "x".repeat(HEADER_BYTES_MAX));

        assert_eq!(large.prefix(), None);
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(header in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(StoredEnvelope::of_header(&header), None);
        }
    }
}

//! The byte format of an entry: version, resource, last row, tags, and the value unchanged.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use domain::{Resource, RowId, TagHash};
use ports::SharedEntry;

/// The version of this format. Other versions are not read: entries are a cache, and the next fill
/// replaces them.
const VERSION: u8 = 2;

pub(super) fn encode(entry: &SharedEntry<Bytes>) -> Vec<u8> {
    let seen = entry.seen.as_ref().map(RowId::to_string).unwrap_or_default();
    let size = 7 + seen.len() + 8 * entry.tags.len() + entry.value.len();
    let mut bytes = BytesMut::with_capacity(size);
    bytes.put_u8(VERSION);
    bytes.put_u8(code(entry.resource));
    // A log's name has at most forty letters, so a row's text fits; one that did not fit would be
    // read back as no row.
    bytes.put_u8(u8::try_from(seen.len()).unwrap_or_default());
    bytes.put_slice(seen.as_bytes());
    // An answer never has more tags than fit; a reader would refuse the entry.
    bytes.put_u32_le(u32::try_from(entry.tags.len()).unwrap_or(u32::MAX));
    entry.tags.iter().for_each(|tag| bytes.put_u64_le(tag.0));
    bytes.put_slice(&entry.value);

    bytes.into()
}

/// The result of [`decode`].
#[derive(Debug, PartialEq)]
pub(super) struct Decoded {
    pub(super) resource: Resource,
    pub(super) seen: Option<RowId>,
    pub(super) tags: Box<[TagHash]>,
    pub(super) value: Bytes,
}

pub(super) fn decode(bytes: &Bytes) -> Option<Decoded> {
    let mut rest = bytes.clone();
    if rest.try_get_u8().ok()? != VERSION {
        return None;
    }
    let code_read = rest.try_get_u8().ok()?;
    let resource = Resource::ALL.into_iter().find(|resource| code(*resource) == code_read)?;
    let seen = usize::from(rest.try_get_u8().ok()?);
    if seen > rest.len() {
        return None;
    }
    let seen = rest.split_to(seen);
    let seen = str::from_utf8(&seen).ok()?.parse().ok();
    let tags = usize::try_from(rest.try_get_u32_le().ok()?).ok()?;
    if tags > rest.len() / size_of::<u64>() {
        return None;
    }
    let tags = (0..tags).map(|_| TagHash(rest.get_u64_le())).collect();

    Some(Decoded { resource, seen, tags, value: rest })
}

/// A resource's code never changes: builds of different ages share a server.
const fn code(resource: Resource) -> u8 {
    match resource {
        Resource::Products => 1,
        Resource::Product => 2,
        Resource::Recommendations => 3,
        Resource::Categories => 4,
        Resource::Featured => 5,
        Resource::Bestsellers => 6,
        Resource::Search => 7,
        Resource::Missing => 8,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{LogId, Seq, Stamp};

    use super::*;

    fn entry(resource: Resource, tags: &[u64], value: &'static [u8]) -> SharedEntry<Bytes> {
        SharedEntry {
            value: Bytes::from_static(value),
            resource,
            tags: tags.iter().copied().map(TagHash).collect(),
            stamp: Stamp { log: LogId::new("L").unwrap(), seq: Seq(1) },
            seen: Some("L.1.00000000000000ff".parse().unwrap()),
            remaining: Duration::from_secs(1),
        }
    }

    #[test]
    fn every_resource_is_decoded_with_its_tags_and_its_value() {
        for resource in Resource::ALL {
            let entry = entry(resource, &[0, 7, u64::MAX], b"\0bytes\xff");

            let decoded = decode(&encode(&entry).into()).unwrap();

            let SharedEntry { resource, seen, tags, value, .. } = entry;
            assert_eq!(decoded, Decoded { resource, seen, tags, value });
        }
    }

    #[test]
    fn a_truncated_entry_or_one_of_another_format_is_absent() {
        let whole = encode(&entry(Resource::Product, &[1, 2], b""));

        for length in 0..whole.len() {
            assert_eq!(decode(&Bytes::copy_from_slice(&whole[..length])), None, "{length}");
        }
        assert_eq!(decode(&Bytes::from_static(&[3, 1, 0, 0, 0, 0, 0])), None, "a later version");
        assert_eq!(
            decode(&Bytes::from_static(&[2, 99, 0, 0, 0, 0, 0])),
            None,
            "an unknown resource"
        );
        assert_eq!(
            decode(&Bytes::from_static(&[2, 1, 0, 255, 255, 255, 255])),
            None,
            "more tags than bytes"
        );
    }
}

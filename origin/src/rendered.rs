//! A catalogue answer as bytes: rendered once, with one body for each encoding.

use std::io::Write as _;
use std::sync::OnceLock;

use axum::http::HeaderValue;
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use domain::{Resource, Tag};
use edge_core::conditional;
use edge_core::encoding::Encoding;

/// Smaller than the default of web servers, at a cost that is paid once a fill: about a millisecond
/// for a page of 24 cards.
const BROTLI_QUALITY: u32 = 5;
const BROTLI_WINDOW: u32 = 20;
/// Below this size, in bytes, the headers of an encoding outweigh what it saves.
const COMPRESS_FROM: usize = 256;

/// The format of [`Rendered::to_bytes`]; a change of it needs another number.
const FORMAT: u8 = 1;

/// One answer, ready to send.
#[derive(Debug)]
pub struct Rendered {
    pub status: u16,
    pub resource: Resource,
    /// The value of `X-Tags`.
    pub tags: HeaderValue,
    plain: Body,
    brotli: OnceLock<Body>,
    gzip: OnceLock<Body>,
}

/// The bytes of one encoding, and their strong ETag.
#[derive(Clone, Debug)]
pub struct Body {
    pub bytes: Bytes,
    pub etag: HeaderValue,
    /// The encoding of the bytes: identity where compression saved nothing.
    pub encoding: Encoding,
}

impl Rendered {
    pub fn new(status: u16, resource: Resource, tags: &[Tag], bytes: Vec<u8>) -> Self {
        let tags: Vec<_> = tags.iter().map(Tag::as_str).collect();

        Self {
            status,
            resource,
            tags: HeaderValue::from_str(&tags.join(" ")).expect("tags are made of ids and slugs"),
            plain: Body::new(bytes, Encoding::Identity),
            brotli: OnceLock::new(),
            gzip: OnceLock::new(),
        }
    }

    /// Without compressed bodies: the receiver compresses when a request needs it.
    pub fn to_bytes(&self) -> Bytes {
        let tags = self.tags.as_bytes();
        let mut bytes = BytesMut::with_capacity(7 + tags.len() + self.plain.bytes.len());
        bytes.put_u8(FORMAT);
        bytes.put_u16_le(self.status);
        // The value of a header is far shorter than 4 GB.
        bytes.put_u32_le(u32::try_from(tags.len()).unwrap_or(u32::MAX));
        bytes.put_slice(tags);
        bytes.put_slice(&self.plain.bytes);

        bytes.freeze()
    }

    /// `None` for bytes of another format, or cut off.
    pub fn of_bytes(resource: Resource, bytes: &Bytes) -> Option<Self> {
        let mut rest = bytes.clone();
        if rest.try_get_u8().ok()? != FORMAT {
            return None;
        }
        let status = rest.try_get_u16_le().ok()?;
        let tags = usize::try_from(rest.try_get_u32_le().ok()?).ok()?;
        if tags > rest.len() {
            return None;
        }
        let tags = HeaderValue::from_maybe_shared(rest.split_to(tags)).ok()?;

        Some(Self {
            status,
            resource,
            tags,
            plain: Body::new(rest, Encoding::Identity),
            brotli: OnceLock::new(),
            gzip: OnceLock::new(),
        })
    }

    /// The body in an encoding; compressed when it is first needed.
    pub fn body(&self, encoding: Encoding) -> &Body {
        match encoding {
            Encoding::Identity => &self.plain,
            Encoding::Brotli => self.brotli.get_or_init(|| self.compressed(encoding, brotli)),
            Encoding::Gzip => self.gzip.get_or_init(|| self.compressed(encoding, gzip)),
        }
    }

    fn compressed(&self, encoding: Encoding, with: fn(&[u8]) -> Option<Vec<u8>>) -> Body {
        let plain = &self.plain.bytes;
        let compressed = if plain.len() < COMPRESS_FROM { None } else { with(plain) };

        match compressed.filter(|compressed| compressed.len() < plain.len()) {
            Some(bytes) => Body::new(bytes, encoding),
            None => self.plain.clone(),
        }
    }
}

impl Body {
    fn new(bytes: impl Into<Bytes>, encoding: Encoding) -> Self {
        let bytes = bytes.into();
        let etag = conditional::etag(&bytes);

        Self {
            bytes,
            etag: HeaderValue::from_str(&etag).expect("a hash in base64 is a header's value"),
            encoding,
        }
    }
}

impl cache::Weigh for Rendered {
    /// As if every encoding were present: an entry is weighed when it is stored, before its encodings
    /// are needed. A compressed body takes about a third of the plain one.
    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.plain.bytes.len() * 5 / 3 + self.tags.len()
    }
}

fn brotli(plain: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(plain.len() / 3);
    let mut writer = brotli::CompressorWriter::new(&mut out, 4_096, BROTLI_QUALITY, BROTLI_WINDOW);
    writer.write_all(plain).ok()?;
    drop(writer);

    Some(out)
}

fn gzip(plain: &[u8]) -> Option<Vec<u8>> {
    let out = Vec::with_capacity(plain.len() / 3);
    let mut writer = flate2::write::GzEncoder::new(out, flate2::Compression::default());
    writer.write_all(plain).ok()?;

    writer.finish().ok()
}

#[cfg(test)]
mod tests {
    use domain::Tag;

    use super::*;

    fn rendered() -> Rendered {
        let bytes = "{\"data\":[]}".repeat(100).into_bytes();

        Rendered::new(200, Resource::Featured, &[Tag::CATALOG, Tag::FEATURED], bytes)
    }

    #[test]
    fn an_answer_survives_the_way_through_bytes_with_the_same_bodies_and_tags() {
        let before = rendered();

        let after = Rendered::of_bytes(Resource::Featured, &before.to_bytes()).unwrap();

        assert_eq!((after.status, after.resource), (before.status, before.resource));
        assert_eq!(after.tags, before.tags);
        for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Brotli] {
            let (before, after) = (before.body(encoding), after.body(encoding));
            assert_eq!((&after.bytes, &after.etag), (&before.bytes, &before.etag), "{encoding:?}");
        }
    }

    #[test]
    fn bytes_that_are_cut_off_or_of_another_format_are_no_answer() {
        let whole = rendered().to_bytes();
        let head = 7 + "catalog featured".len();

        for length in 0..head {
            let cut = whole.slice(..length);
            assert!(Rendered::of_bytes(Resource::Featured, &cut).is_none(), "{length}");
        }
        let mut other = whole.to_vec();
        other[0] = 2;
        assert!(Rendered::of_bytes(Resource::Featured, &other.into()).is_none());
    }
}

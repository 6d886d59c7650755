//! A catalogue answer as bytes: made once, kept with one body for each encoding.

use std::io::Write as _;
use std::sync::OnceLock;

use axum::http::HeaderValue;
use bytes::Bytes;
use domain::{Resource, Tag};
use edge_core::conditional;
use edge_core::encoding::Encoding;

/// Better than the default of web servers at a price that is paid once a fill: a page of 24 cards
/// takes about a millisecond.
const BROTLI_QUALITY: u32 = 5;
const BROTLI_WINDOW: u32 = 20;
/// Below, the headers of an encoding outweigh what it saves.
const COMPRESS_FROM: usize = 256;

/// One answer, ready to be sent.
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
    /// Of the bytes: identity where compressing saved nothing.
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

    /// The body in an encoding; compressed when it is asked for first.
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
    fn new(bytes: Vec<u8>, encoding: Encoding) -> Self {
        let etag = conditional::etag(&bytes);

        Self {
            bytes: bytes.into(),
            etag: HeaderValue::from_str(&etag).expect("a hash in base64 is a header's value"),
            encoding,
        }
    }
}

impl cache::Weigh for Rendered {
    /// As if every encoding were there: entries are weighed when they come, before they are asked
    /// for. Compressed bodies take about a third of the plain one each.
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

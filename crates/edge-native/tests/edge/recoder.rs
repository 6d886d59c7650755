//! A proxy between edge and origin that has its own idea of content encodings, and an origin that
//! means well behind it.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use domain::policy::EDGE_CACHE_CONTROL;
use edge_core::{Encoding, conditional};
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};

use super::{Origin, Reaction, RecordedRequest};

/// It tells the origin `Accept-Encoding: gzip, br`, whatever it was told.
#[derive(Clone, Copy, Debug)]
pub struct Proxy {
    pub body: Recoding,
    pub tag: Tag,
}

/// What it does with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recoding {
    Leaves,
    Decodes,
    Encodes(Encoding),
}

/// What it does with the entity tag of a body that it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    Keeps,
    Weakens,
    Drops,
}

impl Proxy {
    pub const REWRITES: Self = Self { body: Recoding::Leaves, tag: Tag::Keeps };

    pub fn rewrites(headers: &mut HeaderMap) {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, br"));
    }

    pub fn recodes(self, mut reaction: Reaction) -> Reaction {
        let headers = reaction.response.headers_mut();
        let before = Encoding::of_content(
            headers.get(CONTENT_ENCODING).map(|value| value.to_str().expect("text")),
        )
        .expect("an encoding");
        let after = match self.body {
            Recoding::Leaves => before,
            Recoding::Decodes => Encoding::Identity,
            Recoding::Encodes(encoding) => encoding,
        };
        if before == after || reaction.body.is_empty() {
            return reaction;
        }

        headers.remove(CONTENT_ENCODING);
        if let Some(encoding) = after.content_encoding() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if let Some(etag) = headers.remove(ETAG) {
            let strong = etag.to_str().expect("text").to_owned();
            let left = match self.tag {
                Tag::Keeps => Some(strong),
                Tag::Weakens => conditional::weakened(&strong),
                Tag::Drops => None,
            };
            left.map(|etag| headers.insert(ETAG, etag.parse().expect("a tag")));
        }
        let plain = unpacked(before, &reaction.body);
        Reaction { body: packed(after, &plain), ..reaction }
    }
}

/// What the real origin answers an edge.
pub fn honest(origin: &Origin, seen: &RecordedRequest, tags: &str, plain: &str) -> Reaction {
    let encoding = Encoding::of_name(seen.header("x-edge-encoding"))
        .unwrap_or_else(|| Encoding::negotiate(seen.header("accept-encoding")));
    let body = packed(encoding, plain.as_bytes());
    let etag = conditional::etag(&body);
    let is_known = seen
        .headers
        .get(IF_NONE_MATCH)
        .is_some_and(|known| conditional::is_known(known.as_bytes(), &etag));

    let mut reaction = Reaction::public(origin, tags, "").with("etag", &etag);
    let told = HeaderValue::from_static(EDGE_CACHE_CONTROL);
    reaction.response.headers_mut().insert(CACHE_CONTROL, told);
    if is_known {
        return reaction.status(304);
    }
    match encoding.content_encoding() {
        Some(encoding) => Reaction { body, ..reaction.with("content-encoding", encoding) },
        None => Reaction { body, ..reaction },
    }
}

pub fn packed(encoding: Encoding, plain: &[u8]) -> Bytes {
    let mut out = Vec::new();
    match encoding {
        Encoding::Identity => out.extend_from_slice(plain),
        Encoding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(&mut out, flate2::Compression::fast());
            encoder.write_all(plain).expect("memory");
            encoder.finish().expect("memory");
        }
        Encoding::Brotli => {
            let mut encoder = brotli::CompressorWriter::new(&mut out, 4_096, 4, 20);
            encoder.write_all(plain).expect("memory");
        }
    }
    out.into()
}

pub fn unpacked(encoding: Encoding, packed: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        Encoding::Identity => out.extend_from_slice(packed),
        Encoding::Gzip => {
            flate2::read::GzDecoder::new(packed).read_to_end(&mut out).expect("gzip");
        }
        Encoding::Brotli => {
            brotli::Decompressor::new(packed, 4_096).read_to_end(&mut out).expect("brotli");
        }
    }
    out
}

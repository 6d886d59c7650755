//! Decodes bodies that a proxy between edge and origin has encoded without being asked.

use std::io::Read;

use bytes::Bytes;
use edge_core::{Encoding, conditional};
use flate2::read::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::upstream::whole_response::WholeResponse;

/// Of the decoder's input, at a time.
const BUFFER_BYTES: usize = 4 << 10;

/// What is wrong with a body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("its content encoding can't be undone: {0}")]
    Malformed(std::io::Error),
    #[error("it has more than {0} bytes without its content encoding")]
    TooLarge(usize),
}

/// The encoding that is undone, if one is.
pub(crate) fn undone(whole: &WholeResponse, wanted: Encoding) -> Option<Encoding> {
    // It has no body: what the field says is about bytes that are elsewhere.
    if whole.status == StatusCode::NOT_MODIFIED {
        return None;
    }
    let mut lines = whole.headers.get_all(CONTENT_ENCODING).iter();
    let (line, None) = (lines.next()?, lines.next()) else { return None };
    let arrived = Encoding::of_content(line.to_str().ok())?;

    (arrived != wanted && arrived != Encoding::Identity).then_some(arrived)
}

/// The plain bytes of a response. They are equivalent to those that the origin sent, and not equal:
/// its entity tag is weak from now on.
pub(crate) fn unpacked(
    whole: WholeResponse,
    from: Encoding,
    bytes_max: usize,
) -> Result<WholeResponse, Broken> {
    let body = plain(&whole.body, from, bytes_max)?;
    let mut headers = whole.headers;
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    weaken(&mut headers);

    Ok(WholeResponse { headers, body, ..whole })
}

/// A proxy may have left the tag strong. What is no tag is left out, and the edge makes its own.
fn weaken(headers: &mut HeaderMap) {
    let Some(etag) = headers.remove(ETAG) else { return };
    let weak = etag.to_str().ok().and_then(conditional::weakened);

    if let Some(weak) = weak.and_then(|weak| HeaderValue::try_from(weak).ok()) {
        headers.insert(ETAG, weak);
    }
}

fn plain(packed: &[u8], from: Encoding, bytes_max: usize) -> Result<Bytes, Broken> {
    match from {
        Encoding::Identity => Ok(Bytes::copy_from_slice(packed)),
        Encoding::Gzip => bounded(MultiGzDecoder::new(packed), bytes_max),
        Encoding::Brotli => bounded(brotli::Decompressor::new(packed, BUFFER_BYTES), bytes_max),
    }
}

/// A few bytes can stand for very many.
fn bounded(decoder: impl Read, bytes_max: usize) -> Result<Bytes, Broken> {
    let mut plain = Vec::new();
    let enough = (bytes_max as u64).saturating_add(1);
    decoder.take(enough).read_to_end(&mut plain).map_err(Broken::Malformed)?;

    if plain.len() > bytes_max {
        return Err(Broken::TooLarge(bytes_max));
    }
    Ok(plain.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn packed(encoding: Encoding, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match encoding {
            Encoding::Identity => out.extend_from_slice(plain),
            Encoding::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(&mut out, flate2::Compression::fast());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap();
            }
            Encoding::Brotli => {
                let mut encoder = brotli::CompressorWriter::new(&mut out, 4_096, 4, 20);
                encoder.write_all(plain).unwrap();
            }
        }
        out
    }

    fn whole(encoding: &str, etag: &str, body: Vec<u8>) -> WholeResponse {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
        headers.insert(CONTENT_LENGTH, body.len().into());
        headers.insert(ETAG, etag.parse().unwrap());

        WholeResponse { status: StatusCode::OK, headers, body: body.into(), is_complete: true }
    }

    #[test]
    fn what_was_not_asked_for_is_undone() {
        use Encoding::{Brotli, Gzip, Identity};

        for (arrived, wanted, expected) in [
            ("gzip", Identity, Some(Gzip)),
            ("x-gzip", Brotli, Some(Gzip)),
            ("BR", Gzip, Some(Brotli)),
            ("br", Brotli, None),
            ("identity", Gzip, None),
            ("zstd", Identity, None),
            ("gzip, gzip", Gzip, None),
        ] {
            assert_eq!(undone(&whole(arrived, "\"e\"", vec![]), wanted), expected, "{arrived}");
        }
        let unchanged =
            WholeResponse { status: StatusCode::NOT_MODIFIED, ..whole("gzip", "\"e\"", vec![]) };
        assert_eq!(undone(&unchanged, Identity), None);
        let mut twice = whole("gzip", "\"e\"", vec![]);
        twice.headers.append(CONTENT_ENCODING, "br".parse().unwrap());
        assert_eq!(undone(&twice, Identity), None);
    }

    #[test]
    fn an_unpacked_answer_has_the_plain_bytes_and_a_weak_tag() {
        for encoding in [Encoding::Gzip, Encoding::Brotli] {
            for (etag, weak) in
                [("\"e\"", Some("W/\"e\"")), ("W/\"e\"", Some("W/\"e\"")), ("e", None)]
            {
                let arrived = whole(encoding.as_str(), etag, packed(encoding, b"plain"));

                let plain = unpacked(arrived, encoding, 5).unwrap();

                assert_eq!(plain.body, "plain");
                let etag = plain.headers.get(ETAG).map(|etag| etag.to_str().unwrap());
                assert_eq!(etag, weak);
                assert!(!plain.headers.contains_key(CONTENT_ENCODING));
                assert!(!plain.headers.contains_key(CONTENT_LENGTH));
            }
        }
    }

    #[test]
    fn what_is_cut_off_or_spoilt_is_no_answer() {
        for encoding in [Encoding::Gzip, Encoding::Brotli] {
            let good = packed(encoding, &b"a body of some length ".repeat(20));
            for cut in 0..good.len() {
                let plain = plain(&good[..cut], encoding, 1 << 20);

                assert!(matches!(plain, Err(Broken::Malformed(_))), "{encoding:?} {cut}");
            }
            assert!(plain(b"this is no compressed body", encoding, 1 << 20).is_err());
        }
    }

    #[test]
    fn what_grows_beyond_the_bound_is_no_answer() {
        for encoding in [Encoding::Gzip, Encoding::Brotli] {
            let bomb = packed(encoding, &vec![0; 1 << 20]);

            assert!(bomb.len() < 10_000, "{}", bomb.len());
            assert!(matches!(plain(&bomb, encoding, 1 << 16), Err(Broken::TooLarge(_))));
            assert_eq!(plain(&bomb, encoding, 1 << 20).unwrap().len(), 1 << 20);
        }
    }
}

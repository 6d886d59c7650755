//! Whether a request's body comes in a transfer coding that the shop reads (RFC 9112 §6.1).

use domain::Code;

use crate::Refusal;

/// Refuses every transfer coding but `chunked`, and that one twice: what the body is would be
/// guessed otherwise, here and by the next server differently. `lines` are the lines of
/// `Transfer-Encoding`.
pub fn check<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<(), Refusal> {
    let mut codings = lines.flat_map(|line| line.split(|byte| *byte == b','));
    let is_read = match codings.next() {
        None => true,
        Some(first) => {
            first.trim_ascii().eq_ignore_ascii_case(b"chunked") && codings.next().is_none()
        }
    };

    if is_read {
        Ok(())
    } else {
        Err(Refusal::new(Code::UnsupportedTransferCoding, "the one transfer coding is chunked"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(lines: &[&str]) -> Option<u16> {
        check(lines.iter().map(|line| line.as_bytes())).err().map(|refusal| refusal.status())
    }

    #[test]
    fn a_body_is_chunked_or_has_a_length() {
        for lines in [&[][..], &["chunked"], &["Chunked"], &[" chunked\t"]] {
            assert_eq!(status(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn any_other_transfer_coding_is_not_implemented() {
        for lines in [
            &["gzip, chunked"][..],
            &["gzip", "chunked"],
            &["chunked, gzip"],
            &["chunked, chunked"],
            &["chunked", "chunked"],
            &["identity"],
            &["xchunked"],
            &["chunked;a=b"],
            &["chunked,"],
            &[""],
        ] {
            assert_eq!(status(lines), Some(501), "{lines:?}");
        }
    }
}

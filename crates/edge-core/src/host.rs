//! Whether a request says once, and readably, which host it is for (RFC 9112 §3.2).

use domain::Code;

use crate::Refusal;

/// In bytes: a name of 255 and a port.
const HOST_MAX: usize = 261;

/// Refuses a request without a `Host`, with two, or with one that is none: two servers may take it
/// for two requests. `lines` are the field's lines; `is_required` from HTTP/1.1 on.
pub fn check<'a>(
    mut lines: impl Iterator<Item = &'a [u8]>,
    is_required: bool,
) -> Result<(), Refusal> {
    let wrong = match (lines.next(), lines.next()) {
        (None, _) if is_required => "Host is missing",
        (Some(_), Some(_)) => "Host is there twice",
        (Some(host), None) if !is_host(host) => "Host is not a host",
        _ => return Ok(()),
    };

    Err(Refusal::new(Code::InvalidHeader, wrong))
}

/// A name or an address, and a port; empty where the target has none (RFC 9110 §7.2). Wider than
/// the grammar where that is harmless: nothing here goes by what a client calls the shop.
fn is_host(host: &[u8]) -> bool {
    let is_plain = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'[' | b']')
    };

    host.len() <= HOST_MAX && host.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(lines: &[&str], is_required: bool) -> Option<String> {
        let lines = lines.iter().map(|line| line.as_bytes());

        check(lines, is_required).err().map(|refusal| refusal.into_body().detail)
    }

    #[test]
    fn a_request_names_its_host_once() {
        for host in ["shop.example", "shop.example:8080", "127.0.0.1:1", "[::1]:80", ""] {
            assert_eq!(checked(&[host], true), None, "{host}");
        }
        assert_eq!(checked(&[], false), None, "HTTP/1.0 knew no Host");
    }

    #[test]
    fn a_host_that_is_missing_doubled_or_none_is_refused() {
        assert_eq!(checked(&[], true).as_deref(), Some("Host is missing"));
        for required in [true, false] {
            assert_eq!(checked(&["a", "a"], required).as_deref(), Some("Host is there twice"));
            for host in ["a b", "a/b", "a@b", "a,b", "a?b", "é", "a\tb", &"a".repeat(262)] {
                let why = checked(&[host], required);
                assert_eq!(why.as_deref(), Some("Host is not a host"), "{host}");
            }
        }
    }
}

//! Scans a request's head in place: what a hit needs of it, and where the request ends.

use std::mem::MaybeUninit;

use edge_core::headers::CATALOG_TOKEN;
use edge_core::{Encoding, host};

/// More headers than browsers send; a head with more is hyper's.
const HEADERS_MAX: usize = 64;
/// In digits; a longer length is hyper's to refuse.
const LENGTH_DIGITS_MAX: usize = 15;

/// What a connection's unread bytes begin with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeadScan<'a> {
    /// Not yet all of a head.
    Partial,
    /// A request that may be a hit.
    Plain(FastRequest<'a>),
    /// Another request that leaves the connection open: its length in bytes, with the body.
    Framed(u64),
    /// A request that closes the connection or changes its protocol, or no request at all.
    Other,
}

/// A GET or HEAD without a body and without repeated fields.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FastRequest<'a> {
    pub is_head: bool,
    pub target: &'a str,
    pub encoding: Encoding,
    pub if_none_match: Option<&'a [u8]>,
    pub forwarded_for: Option<&'a [u8]>,
    /// In bytes.
    pub len: usize,
}

/// What two parsers could read differently is [`HeadScan::Other`], which hyper alone reads: a
/// request must end where hyper finds its end, or one request's body becomes the next one's head.
pub(crate) fn scan(bytes: &[u8]) -> HeadScan<'_> {
    let mut fields = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let len = match request.parse_with_uninit_headers(bytes, &mut fields) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return HeadScan::Partial,
        Err(_) => return HeadScan::Other,
    };
    let (Some(method), Some(target), Some(1)) = (request.method, request.path, request.version)
    else {
        return HeadScan::Other;
    };
    if method == "CONNECT" {
        return HeadScan::Other;
    }

    let mut parsed = ParsedHead::default();
    for field in request.headers.iter() {
        if !parsed.read_field(field.name, field.value) {
            return HeadScan::Other;
        }
    }
    let is_head = method == "HEAD";
    if (is_head || method == "GET")
        && let Some(head) = parsed.fast_request(is_head, target, len)
    {
        return HeadScan::Plain(head);
    }
    HeadScan::Framed((len as u64).saturating_add(parsed.length.unwrap_or_default()))
}

/// The fields of a head that matter here.
#[derive(Default)]
struct ParsedHead<'a> {
    host: Option<&'a [u8]>,
    accept_encoding: Option<&'a str>,
    if_none_match: Option<&'a [u8]>,
    forwarded_for: Option<&'a [u8]>,
    length: Option<u64>,
    /// Something twice, or something that is not for here.
    needs_hyper: bool,
}

impl<'a> ParsedHead<'a> {
    /// False if only hyper may read this request.
    fn read_field(&mut self, name: &str, value: &'a [u8]) -> bool {
        let is = |known: &str| name.eq_ignore_ascii_case(known);

        // By its length, so that most names are told apart at once.
        match name.len() {
            4 if is("host") => self.needs_hyper |= self.host.replace(value).is_some(),
            6 if is("expect") => return false,
            7 if is("upgrade") => return false,
            10 if is("connection") => return value.eq_ignore_ascii_case(b"keep-alive"),
            13 if is("if-none-match") => {
                self.needs_hyper |= self.if_none_match.replace(value).is_some();
            }
            14 if is("content-length") => {
                let digits = Some(value).filter(|digits| is_length(digits));
                let length = digits.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
                return length.is_some_and(|length| self.length.replace(length).is_none());
            }
            15 if is("accept-encoding") => match text(value) {
                Some(value) => self.needs_hyper |= self.accept_encoding.replace(value).is_some(),
                None => self.needs_hyper = true,
            },
            15 if is("x-forwarded-for") => {
                self.needs_hyper |= self.forwarded_for.replace(value).is_some();
            }
            15 if is(CATALOG_TOKEN) => self.needs_hyper = true,
            17 if is("transfer-encoding") => return false,
            _ => {}
        }
        true
    }

    fn fast_request(&self, is_head: bool, target: &'a str, len: usize) -> Option<FastRequest<'a>> {
        let is_plain = !self.needs_hyper
            && self.length.is_none()
            && target.starts_with('/')
            && host::check(self.host.into_iter(), true).is_ok();

        is_plain.then(|| FastRequest {
            is_head,
            target,
            encoding: self.accept_encoding.map_or(Encoding::Identity, Encoding::negotiate),
            if_none_match: self.if_none_match,
            forwarded_for: self.forwarded_for,
            len,
        })
    }
}

/// What `HeaderValue::to_str` calls text as well, so that both ways read the same.
fn text(value: &[u8]) -> Option<&str> {
    str::from_utf8(value).ok().filter(|text| text.is_ascii())
}

fn is_length(digits: &[u8]) -> bool {
    (1..=LENGTH_DIGITS_MAX).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(lines: &str) -> String {
        format!("GET /products/lamp HTTP/1.1\r\nHost: shop\r\n{lines}\r\n")
    }

    #[test]
    fn a_plain_read_says_what_a_hit_needs() {
        let bytes = get("Accept-Encoding: gzip\r\nif-none-match: \"a\"\r\nCookie: c\r\n") + "GET";

        let HeadScan::Plain(head) = scan(bytes.as_bytes()) else { panic!("{bytes}") };

        assert_eq!((head.is_head, head.target), (false, "/products/lamp"));
        assert_eq!((head.encoding, head.if_none_match), (Encoding::Gzip, Some(&b"\"a\""[..])));
        assert_eq!(head.len, bytes.len() - 3);
    }

    #[test]
    fn a_head_that_has_not_all_arrived_is_waited_for() {
        let bytes = get("Connection: Keep-Alive\r\n");

        for at in 0..bytes.len() {
            assert_eq!(scan(&bytes.as_bytes()[..at]), HeadScan::Partial, "{at}");
        }
        assert!(matches!(scan(bytes.as_bytes()), HeadScan::Plain(_)));
    }

    #[test]
    fn what_wants_more_than_a_hit_is_measured_and_left_to_hyper() {
        for lines in [
            "Host: other\r\n",
            "Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n",
            "If-None-Match: \"a\"\r\nIf-None-Match: \"b\"\r\n",
            "X-Catalog-Token: t\r\n",
            "X-Forwarded-For: a\r\nX-Forwarded-For: b\r\n",
            "Accept-Encoding: br, \u{e9}\r\n",
        ] {
            let bytes = get(lines);
            assert_eq!(scan(bytes.as_bytes()), HeadScan::Framed(bytes.len() as u64), "{lines}");
        }
        let post = "POST /cart HTTP/1.1\r\nHost: shop\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(scan(post.as_bytes()), HeadScan::Framed(post.len() as u64 + 12));
        let hostless = "GET /products/lamp HTTP/1.1\r\n\r\n";
        assert_eq!(scan(hostless.as_bytes()), HeadScan::Framed(hostless.len() as u64));
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_left_to_hyper() {
        for lines in [
            "Connection: close\r\n",
            "Connection: keep-alive, upgrade\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Transfer-Encoding: \r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: \r\n",
            "Content-Length: 9999999999999999\r\n",
            "Expect: 100-continue\r\n",
            "Upgrade: websocket\r\n",
            " folded: yes\r\n",
            "No colon\r\n",
            "A : b\r\n",
        ] {
            assert_eq!(scan(get(lines).as_bytes()), HeadScan::Other, "{lines}");
        }
        for bytes in [
            "GET / HTTP/1.0\r\n\r\n",
            "CONNECT shop:443 HTTP/1.1\r\nHost: shop\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
        ] {
            assert_eq!(scan(bytes.as_bytes()), HeadScan::Other, "{bytes}");
        }
        let many = get(&"A: b\r\n".repeat(HEADERS_MAX));
        assert_eq!(scan(many.as_bytes()), HeadScan::Other);
    }
}

//! Whose request it is, by address, at an edge and at an origin alike. What a client says of itself
//! counts for nothing.

use std::net::{IpAddr, SocketAddr};

/// Where proxies write from whom a request came.
pub const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address from which the request came to the outermost proxy that is trusted: the last one in
/// `X-Forwarded-For` that is not itself trusted.
pub fn of<'a>(
    peer: IpAddr,
    forwarded_for: impl DoubleEndedIterator<Item = &'a [u8]>,
    trusted: &[IpAddr],
) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |address| trusted.iter().any(|one| one.to_canonical() == address);
    if !is_trusted(peer) {
        return peer;
    }
    let mut outermost = peer;

    for address in forwarded_for.rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
        let Some(address) = parsed(address) else { break };
        outermost = address.to_canonical();
        if !is_trusted(outermost) {
            break;
        }
    }
    outermost
}

/// Each for itself: what a client wrote before it, in whatever letters, spoils no address.
fn parsed(address: &[u8]) -> Option<IpAddr> {
    parse(str::from_utf8(address).ok()?)
}

/// `192.0.2.1`, `192.0.2.1:5678`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:443`: some
/// proxies name the port as well.
pub fn parse(address: &str) -> Option<IpAddr> {
    let address = address.trim();
    let bracketed = || address.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || address.parse::<SocketAddr>().ok().map(|address| address.ip());

    address.parse().ok().or_else(bracketed).or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_lines(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<_> = trusted.iter().map(|address| address.parse().unwrap()).collect();

        of(peer.parse().unwrap(), lines.iter().map(|line| line.as_bytes()), &trusted).to_string()
    }

    #[test]
    fn a_made_up_header_buys_nothing() {
        assert_eq!(of_lines("192.0.2.1", &["10.0.0.1"], &[]), "192.0.2.1");
        assert_eq!(of_lines("192.0.2.1", &["10.0.0.1"], &["10.0.0.1"]), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxys_entry_counts_and_the_entries_before_it_do_not() {
        let trusted = ["10.0.0.1", "10.0.0.2"];

        assert_eq!(of_lines("10.0.0.1", &["6.6.6.6, 192.0.2.9"], &trusted), "192.0.2.9");
        assert_eq!(of_lines("10.0.0.1", &["192.0.2.9, 10.0.0.2"], &trusted), "192.0.2.9");
        assert_eq!(of_lines("10.0.0.1", &["6.6.6.6", "192.0.2.9"], &trusted), "192.0.2.9");
        assert_eq!(of_lines("::ffff:10.0.0.1", &["192.0.2.9"], &trusted), "192.0.2.9");
    }

    #[test]
    fn an_address_that_a_client_claims_does_not_replace_its_own() {
        let peer = IpAddr::from([10, 0, 0, 1]);

        for line in [&b"\xe9, 192.0.2.9"[..], b"\xc3\xa9,192.0.2.9", b"unknown, ,\t192.0.2.9"] {
            assert_eq!(of(peer, [line].into_iter(), &[peer]), IpAddr::from([192, 0, 2, 9]));
        }
    }

    #[test]
    fn an_address_with_its_port_is_that_address() {
        for (line, address) in [
            ("1.2.3.4:5678", "1.2.3.4"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("6.6.6.6, [::ffff:1.2.3.4]:80", "1.2.3.4"),
            ("192.0.2.9:1, 10.0.0.1:443", "192.0.2.9"),
        ] {
            assert_eq!(of_lines("10.0.0.1", &[line], &["::ffff:10.0.0.1"]), address, "{line}");
        }
        for nonsense in ["1.2.3.4:", "1.2.3.4:65536", "[1.2.3.4]:80", "[2001:db8::1", "for=1.2.3.4"]
        {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn nonsense_from_a_trusted_proxy_leaves_the_proxy() {
        assert_eq!(of_lines("10.0.0.1", &["unknown"], &["10.0.0.1"]), "10.0.0.1");
        assert_eq!(of_lines("10.0.0.1", &[], &["10.0.0.1"]), "10.0.0.1");
    }
}

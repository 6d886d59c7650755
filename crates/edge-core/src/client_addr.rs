//! Whose request it is, by address. What a client says of itself counts for nothing.

use std::net::IpAddr;

/// The address from which the request came to the outermost proxy that is trusted: the last one in
/// `X-Forwarded-For` that is not itself trusted.
pub(crate) fn of<'a>(
    peer: IpAddr,
    forwarded_for: impl DoubleEndedIterator<Item = &'a [u8]>,
    trusted: &[IpAddr],
) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted.contains(&peer) {
        return peer;
    }
    let mut outermost = peer;

    for address in forwarded_for.rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
        let Some(address) = parsed(address) else { break };
        outermost = address.to_canonical();
        if !trusted.contains(&outermost) {
            break;
        }
    }
    outermost
}

/// Each for itself: what a client wrote before it, in whatever letters, spoils no address.
fn parsed(address: &[u8]) -> Option<IpAddr> {
    str::from_utf8(address).ok()?.trim().parse().ok()
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
    fn a_trusted_proxy_is_believed_and_what_stands_before_it_is_not() {
        let trusted = ["10.0.0.1", "10.0.0.2"];

        assert_eq!(of_lines("10.0.0.1", &["6.6.6.6, 192.0.2.9"], &trusted), "192.0.2.9");
        assert_eq!(of_lines("10.0.0.1", &["192.0.2.9, 10.0.0.2"], &trusted), "192.0.2.9");
        assert_eq!(of_lines("10.0.0.1", &["6.6.6.6", "192.0.2.9"], &trusted), "192.0.2.9");
        assert_eq!(of_lines("::ffff:10.0.0.1", &["192.0.2.9"], &trusted), "192.0.2.9");
    }

    #[test]
    fn nobody_gets_rid_of_his_address_by_what_he_says_before_it() {
        let peer = IpAddr::from([10, 0, 0, 1]);

        for line in [&b"\xe9, 192.0.2.9"[..], b"\xc3\xa9,192.0.2.9", b"unknown, ,\t192.0.2.9"] {
            assert_eq!(of(peer, [line].into_iter(), &[peer]), IpAddr::from([192, 0, 2, 9]));
        }
    }

    #[test]
    fn nonsense_from_a_trusted_proxy_leaves_the_proxy() {
        assert_eq!(of_lines("10.0.0.1", &["unknown"], &["10.0.0.1"]), "10.0.0.1");
        assert_eq!(of_lines("10.0.0.1", &[], &["10.0.0.1"]), "10.0.0.1");
    }
}

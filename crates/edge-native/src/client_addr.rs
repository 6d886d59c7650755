//! Whose request it is, by address. What a client says of itself counts for nothing.

use std::net::IpAddr;

/// The address from which the request came to the outermost proxy that is trusted: the last one in
/// `X-Forwarded-For` that is not itself trusted.
pub(crate) fn of<'a>(
    peer: IpAddr,
    forwarded_for: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpAddr],
) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted.contains(&peer) {
        return peer;
    }
    let mut outermost = peer;

    for address in forwarded_for.rev().flat_map(|line| line.rsplit(',')) {
        let Ok(address) = address.trim().parse::<IpAddr>() else { break };
        outermost = address.to_canonical();
        if !trusted.contains(&outermost) {
            break;
        }
    }
    outermost
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_lines(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<_> = trusted.iter().map(|address| address.parse().unwrap()).collect();

        of(peer.parse().unwrap(), lines.iter().copied(), &trusted).to_string()
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
    fn nonsense_from_a_trusted_proxy_leaves_the_proxy() {
        assert_eq!(of_lines("10.0.0.1", &["unknown"], &["10.0.0.1"]), "10.0.0.1");
        assert_eq!(of_lines("10.0.0.1", &[], &["10.0.0.1"]), "10.0.0.1");
    }
}

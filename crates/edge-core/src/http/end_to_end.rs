//! What of a message goes further than the next hop (RFC 9110 §7.6.1).

use http::HeaderMap;

use crate::fields::passed;

/// Without the fields of this hop, and without those that `Connection` lists.
pub fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    passed(headers, |_| false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connection_lists_ends_here() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, A"),
            ("connection", "b"),
            ("a", "1"),
            ("b", "2"),
            ("c", "3"),
            ("c", "4"),
            ("keep-alive", "x"),
            ("te", "x"),
            ("proxy-authenticate", "x"),
            ("proxy-authentication-info", "x"),
            ("transfer-encoding", "chunked"),
        ] {
            headers.append(name, value.parse().unwrap());
        }

        let kept = end_to_end(&headers);

        assert_eq!(kept.len(), 2);
        assert_eq!(kept.get_all("c").iter().collect::<Vec<_>>(), ["3", "4"]);
    }
}

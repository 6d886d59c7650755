//! What of a message goes further than the next hop (RFC 9110 §7.6.1).

use http::HeaderMap;
use http::header::CONNECTION;

use super::fields::{combined, members};
use crate::headers::is_hop_by_hop;

/// Without the fields of this hop, and without those that `Connection` lists.
pub fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let listed = combined(headers, &CONNECTION).unwrap_or_default();
    let mut kept = HeaderMap::with_capacity(headers.len() + 4);

    for (name, value) in headers {
        let name_text = name.as_str();
        let is_listed = members(&listed).any(|option| option.eq_ignore_ascii_case(name_text));
        if !is_listed && !is_hop_by_hop(name_text) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
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

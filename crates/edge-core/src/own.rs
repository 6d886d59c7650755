//! How an edge knows its own requests when they come back to it: an origin's address that leads to
//! the edge itself would otherwise open connections until none is left.

use std::fmt;

use domain::Timestamp;

use crate::auth::{KeyRing, Payload, Signed, SigningKey};
use crate::fields::Lines;
use crate::headers;

/// Of the seal's text; 96 bits, which no client guesses.
const NAME_LEN: usize = 16;

/// An edge's name in `Via` (RFC 9110 §7.6.3), and the key with which it signs.
pub struct OwnRequests {
    keys: Option<KeyRing>,
    name: String,
}

impl OwnRequests {
    /// Of the edges that share a key: one that gets another one's request is in a circle too.
    pub fn signed_with(key: &SigningKey, public_host: &str) -> Self {
        let seal = key.seal("via", public_host);
        let name = format!("shopping-{}", &seal[..NAME_LEN]);

        Self { keys: Some(KeyRing::new(key.clone())), name }
    }

    /// Of a proxy that signs nothing. `random` tells it from all others.
    pub fn unsigned(random: u128) -> Self {
        Self { keys: None, name: format!("shopping-{random:032x}") }
    }

    /// Its entry in `Via`.
    pub fn via(&self) -> String {
        format!("1.1 {}", self.name)
    }

    /// Whether the edge itself has sent this request. A proxy on the way may have taken one of the
    /// two marks from it, or written another URL.
    pub fn include(&self, method: &str, target: &str, fields: &dyn Lines, now: Timestamp) -> bool {
        self.has_passed(fields) || self.has_signed(method, target, fields, now)
    }

    fn has_passed(&self, fields: &dyn Lines) -> bool {
        let Some(via) = fields.joined("via") else { return false };

        via.split(',').any(|entry| entry.split_ascii_whitespace().nth(1) == Some(&self.name))
    }

    fn has_signed(&self, method: &str, target: &str, fields: &dyn Lines, now: Timestamp) -> bool {
        let Some(auth) = fields.joined(headers::EDGE_AUTH) else { return false };
        let Some(keys) = &self.keys else { return false };
        let said = |name| fields.joined(name).unwrap_or_default();
        let (client_addr, client_user) = (said(headers::CLIENT_ADDR), said(headers::CLIENT_USER));
        let public_host = said(headers::PUBLIC_HOST);

        [Payload::EMPTY, Payload::Unsigned].into_iter().any(|payload| {
            let signed = Signed {
                method,
                target,
                payload,
                client_addr: &client_addr,
                client_user: &client_user,
                public_host: &public_host,
            };
            keys.verify(&auth, &signed, now).is_ok()
        })
    }
}

impl fmt::Debug for OwnRequests {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OwnRequests").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::SECRET_MIN;
    use crate::fields::Fields;

    const NOW: Timestamp = Timestamp::from_millis(1_795_442_552_000);

    fn key(byte: u8) -> SigningKey {
        SigningKey::new("k", &[byte; SECRET_MIN]).unwrap()
    }

    fn own() -> OwnRequests {
        OwnRequests::signed_with(&key(1), "shop.example")
    }

    fn is_own(fields: &Fields) -> bool {
        own().include("GET", "/account", fields, NOW)
    }

    #[test]
    fn an_own_entry_in_via_is_seen_among_others() {
        let mut fields = Fields::default();
        for (via, expected) in [
            ("1.1 cdn.example", false),
            ("1.1 shopping-", false),
            (&format!("1.0 a, {} (x), 1.1 b", own().via()), true),
            (&format!("HTTP/{}", own().via()), true),
            (&OwnRequests::signed_with(&key(2), "shop.example").via(), false),
            (&OwnRequests::unsigned(7).via(), false),
        ] {
            fields.set("via", via);
            assert_eq!(is_own(&fields), expected, "{via}");
        }
    }

    #[test]
    fn an_own_signature_is_recognised_and_no_other() {
        for (signer, expected) in [(key(1), true), (key(2), false)] {
            for payload in [Payload::EMPTY, Payload::Unsigned] {
                let signed = Signed {
                    method: "GET",
                    target: "/account",
                    payload,
                    client_addr: "192.0.2.1",
                    client_user: "",
                    public_host: "shop.example",
                };
                let mut fields = Fields::default();
                fields.set(headers::EDGE_AUTH, signer.sign(&signed, NOW, 1));
                fields.set(headers::CLIENT_ADDR, "192.0.2.1");
                fields.set(headers::PUBLIC_HOST, "shop.example");

                assert_eq!(is_own(&fields), expected, "{payload:?}");
            }
        }
    }

    #[test]
    fn a_clients_request_is_none_of_the_edges() {
        let mut fields = Fields::default();
        assert!(!is_own(&fields));

        fields.set(headers::EDGE_AUTH, "v1;k;1795442552;a;b");
        assert!(!is_own(&fields));
        assert!(!OwnRequests::unsigned(7).include("GET", "/", &fields, NOW));
    }
}

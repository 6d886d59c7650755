//! What the invalidator says to edges and origins when the change log has grown:
//! `POST /internal/changes?at={log}.{seq}`, without a body.
//!
//! It only makes its receiver ask for the log, so one that is lost, doubled, late or made up does
//! no harm. All of it is in the request's target, and so under the signature.

use domain::{Stamp, Timestamp};

use crate::auth::{AuthError, KeyRing, Payload, Signed, SigningKey};

const PREFIX: &str = "/internal/changes?at=";

/// The path and query that tell of a position.
pub fn target(at: &Stamp) -> String {
    format!("{PREFIX}{at}")
}

/// The value of `X-Edge-Auth` that goes with it.
pub fn sign(key: &SigningKey, target: &str, now: Timestamp, nonce: u128) -> String {
    key.sign(&signed(target), now, nonce)
}

/// The position that a request tells of; `None` for whatever is no push.
pub fn read(method: &str, target: &str) -> Option<Stamp> {
    let at = target.strip_prefix(PREFIX)?;

    (method == "POST").then(|| at.parse().ok()).flatten()
}

/// Whether one of the two live keys signed it. A push names no client and no host.
pub fn verify(keys: &KeyRing, header: &str, target: &str, now: Timestamp) -> Result<(), AuthError> {
    keys.verify(header, &signed(target), now)
}

const fn signed(target: &str) -> Signed<'_> {
    Signed {
        method: "POST",
        target,
        payload: Payload::EMPTY,
        client_addr: "",
        client_user: "",
        public_host: "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::SECRET_MIN;

    const NOW: Timestamp = Timestamp::from_millis(1_795_442_552_000);

    fn key(byte: u8) -> SigningKey {
        SigningKey::new(&format!("k{byte}"), &[byte; SECRET_MIN]).unwrap()
    }

    #[test]
    fn a_push_tells_of_a_position_in_its_target() {
        let at: Stamp = "LOG.7".parse().unwrap();

        assert_eq!(target(&at), "/internal/changes?at=LOG.7");
        assert_eq!(read("POST", &target(&at)), Some(at));
    }

    #[test]
    fn anything_else_is_no_push() {
        for (method, target) in [
            ("GET", "/internal/changes?at=LOG.7"),
            ("POST", "/internal/changes"),
            ("POST", "/internal/changes?after=LOG.7"),
            ("POST", "/internal/changes?at=LOG"),
            ("POST", "/internal/changes?at=LOG.7&x"),
            ("POST", "/internal/changes?at=LOG.-7"),
            ("POST", "/x/internal/changes?at=LOG.7"),
        ] {
            assert_eq!(read(method, target), None, "{method} {target}");
        }
    }

    #[test]
    fn both_live_keys_are_accepted_for_one_position_alone() {
        let keys = KeyRing::new(key(2)).with_other(key(1));
        let target = target(&"LOG.7".parse().unwrap());

        for live in [key(1), key(2)] {
            assert_eq!(verify(&keys, &sign(&live, &target, NOW, 1), &target, NOW), Ok(()));
        }
        let strange = sign(&key(3), &target, NOW, 1);
        assert_eq!(verify(&keys, &strange, &target, NOW), Err(AuthError::UnknownKey));
        let other = sign(&key(2), "/internal/changes?at=LOG.8", NOW, 1);
        assert_eq!(verify(&keys, &other, &target, NOW), Err(AuthError::Mismatch));
    }
}

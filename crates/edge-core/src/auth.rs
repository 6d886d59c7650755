//! How the edge proves to the origin who it is: `X-Edge-Auth: v1;{kid};{ts};{nonce};{mac}`, an
//! HMAC-SHA256 over what the origin believes of a request.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

const VERSION: &str = "v1";
/// How far the two clocks may be apart; a signature is of no use to a thief for longer.
pub const SKEW_MAX: Duration = Duration::from_secs(60);
/// In bytes. RFC 2104 §3 discourages keys that are shorter than the hash.
pub const SECRET_MIN: usize = 32;
/// What a seal is for that says of a request what [`crate::headers::REFILL`] does.
const REFILL: &str = "refill";
/// In bytes, of a key's name and of a nonce.
const WORD_MAX: usize = 64;

/// A key with a name. Keeps the keyed state and not the secret, and prints neither.
#[derive(Clone)]
pub struct SigningKey {
    kid: Box<str>,
    keyed: Hmac<Sha256>,
}

/// The keys that a verifier believes: the one in use, and the one before or after it while keys
/// change.
#[derive(Clone, Debug)]
pub struct KeyRing {
    current: SigningKey,
    other: Option<SigningKey>,
}

/// What is signed. What a request does not have is empty.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// In capitals.
    pub method: &'a str,
    /// Path and query, exactly as they are sent.
    pub target: &'a str,
    pub payload: Payload<'a>,
    pub client_addr: &'a str,
    pub client_user: &'a str,
    pub public_host: &'a str,
}

/// What a signature says of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Its SHA-256; of nothing for a request without a body.
    Bytes(&'a [u8]),
    /// Nothing: the literal `UNSIGNED-PAYLOAD` stands in the hash's place. For bodies that stream
    /// through the edge, which holds no whole body in memory; who may do what is then decided by
    /// the credentials inside the request, as it is without an edge.
    Unsigned,
}

impl Payload<'_> {
    pub const EMPTY: Self = Payload::Bytes(b"");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    #[error("a key's name is 1 to {WORD_MAX} letters, digits, - and _")]
    Name,
    #[error("a secret has at least {SECRET_MIN} bytes")]
    Secret,
}

/// Why a signature is not believed. For logs; a caller is told no more than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error("not a v1 signature")]
    Malformed,
    #[error("signed with a key that is not in use")]
    UnknownKey,
    #[error("signed too long ago, or by a clock that is wrong")]
    Expired,
    #[error("the signature is of another request or key")]
    Mismatch,
}

impl SigningKey {
    pub fn new(kid: &str, secret: &[u8]) -> Result<Self, InvalidKey> {
        if !is_word(kid) {
            return Err(InvalidKey::Name);
        }
        if secret.len() < SECRET_MIN {
            return Err(InvalidKey::Secret);
        }
        let keyed = Hmac::new_from_slice(secret).expect("HMAC takes keys of every length");

        Ok(Self { kid: kid.into(), keyed })
    }

    /// A key that is named by its hash, so that both sides of a connection give it the same name.
    pub fn of_secret(secret: &[u8]) -> Result<Self, InvalidKey> {
        let hash = Sha256::digest(secret);
        let name =
            hash.iter().take(4).fold(String::new(), |name, byte| format!("{name}{byte:02x}"));

        Self::new(&name, secret)
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The value of `X-Edge-Auth`. `nonce` is random: no two requests have the same signature.
    pub fn sign(&self, signed: &Signed<'_>, now: Timestamp, nonce: u128) -> String {
        let seconds = now.as_seconds();
        let nonce = URL_SAFE_NO_PAD.encode(nonce.to_be_bytes());
        let mac = self.mac(signed, seconds, &nonce).finalize().into_bytes();

        format!("{VERSION};{};{seconds};{nonce};{}", self.kid, URL_SAFE_NO_PAD.encode(mac))
    }

    /// A code of `text`, for `purpose` alone: the same key may serve several.
    pub fn seal(&self, purpose: &str, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.sealing(purpose, text).finalize().into_bytes())
    }

    /// Whether `seal` is [`SigningKey::seal`] of this; takes the same time for every wrong one.
    pub fn is_seal(&self, seal: &str, purpose: &str, text: &str) -> bool {
        URL_SAFE_NO_PAD
            .decode(seal)
            .is_ok_and(|seal| self.sealing(purpose, text).verify_slice(&seal).is_ok())
    }

    /// The value of `X-Edge-Refill`, of the one request with this `X-Edge-Auth`. Apart from that
    /// signature, so that an origin that does not know the field believes the request all the same.
    pub fn seal_refill(&self, auth: &str) -> String {
        self.seal(REFILL, auth)
    }

    /// Begins with a word that is no version, so that no seal is a request's signature.
    fn sealing(&self, purpose: &str, text: &str) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        for field in ["seal", purpose, text] {
            mac.update(field.as_bytes());
            mac.update(b"\n");
        }
        mac
    }

    /// Fields are parted by line feeds, which no method, target or header value has.
    fn mac(&self, signed: &Signed<'_>, seconds: u64, nonce: &str) -> Hmac<Sha256> {
        let payload = match signed.payload {
            Payload::Bytes(bytes) => URL_SAFE_NO_PAD.encode(Sha256::digest(bytes)),
            Payload::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
        };
        let seconds = seconds.to_string();
        let mut mac = self.keyed.clone();

        for field in [
            VERSION,
            &self.kid,
            &seconds,
            nonce,
            signed.method,
            signed.target,
            &payload,
            signed.client_addr,
            signed.client_user,
            signed.public_host,
        ] {
            mac.update(field.as_bytes());
            mac.update(b"\n");
        }
        mac
    }
}

impl KeyRing {
    pub const fn new(current: SigningKey) -> Self {
        Self { current, other: None }
    }

    #[must_use]
    pub fn with_other(mut self, other: SigningKey) -> Self {
        self.other = Some(other);
        self
    }

    /// Whether `header` is this request's signature. The secret-dependent comparison takes the
    /// same time for every wrong signature.
    pub fn verify(
        &self,
        header: &str,
        signed: &Signed<'_>,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let claim = Claim::of(header).ok_or(AuthError::Malformed)?;
        let key = self.key(claim.kid).ok_or(AuthError::UnknownKey)?;

        if now.as_seconds().abs_diff(claim.seconds) > SKEW_MAX.as_secs() {
            return Err(AuthError::Expired);
        }
        if [signed.target, signed.client_addr, signed.client_user, signed.public_host]
            .iter()
            .any(|field| field.contains('\n'))
        {
            return Err(AuthError::Malformed);
        }
        key.mac(signed, claim.seconds, claim.nonce)
            .verify_slice(&claim.mac)
            .map_err(|_| AuthError::Mismatch)
    }

    /// Whether `seal` is the one of the request with this `X-Edge-Auth`, which was verified.
    pub fn is_refill(&self, seal: &str, auth: &str) -> bool {
        self.keys().any(|key| key.is_seal(seal, REFILL, auth))
    }

    fn key(&self, kid: &str) -> Option<&SigningKey> {
        self.keys().find(|key| *key.kid == *kid)
    }

    fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        Some(&self.current).into_iter().chain(&self.other)
    }
}

/// What a header says, before anything of it is believed.
struct Claim<'a> {
    kid: &'a str,
    seconds: u64,
    nonce: &'a str,
    mac: [u8; 32],
}

impl<'a> Claim<'a> {
    fn of(header: &'a str) -> Option<Self> {
        let mut parts = header.split(';');
        let (version, kid) = (parts.next()?, parts.next()?);
        let (seconds, nonce, mac) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = seconds.bytes().all(|byte| byte.is_ascii_digit());

        if version != VERSION || !digits || !is_word(nonce) || parts.next().is_some() {
            return None;
        }
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?.try_into().ok()?;

        Some(Self { kid, seconds: seconds.parse().ok()?, nonce, mac })
    }
}

fn is_word(text: &str) -> bool {
    (1..=WORD_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_442_552_000);
    const REQUEST: Signed<'_> = Signed {
        method: "GET",
        target: "/products?limit=12",
        payload: Payload::EMPTY,
        client_addr: "192.0.2.1",
        client_user: "",
        public_host: "shop.example",
    };

    fn key(kid: &str, byte: u8) -> SigningKey {
        SigningKey::new(kid, &[byte; SECRET_MIN]).unwrap()
    }

    #[test]
    fn a_signature_is_believed_for_its_own_request() {
        let header = key("a", 1).sign(&REQUEST, NOW, 7);

        assert_eq!(KeyRing::new(key("a", 1)).verify(&header, &REQUEST, NOW), Ok(()));
    }

    #[test]
    fn a_signature_is_of_no_use_for_any_other_request() {
        let ring = KeyRing::new(key("a", 1));
        let header = key("a", 1).sign(&REQUEST, NOW, 7);

        for other in [
            Signed { method: "POST", ..REQUEST },
            Signed { target: "/products?limit=24", ..REQUEST },
            Signed { payload: Payload::Bytes(b"x"), ..REQUEST },
            Signed { payload: Payload::Unsigned, ..REQUEST },
            Signed { client_addr: "192.0.2.2", ..REQUEST },
            Signed { client_user: "u", ..REQUEST },
            Signed { public_host: "evil.example", ..REQUEST },
            Signed { client_addr: "", client_user: "192.0.2.1", ..REQUEST },
        ] {
            assert_eq!(ring.verify(&header, &other, NOW), Err(AuthError::Mismatch), "{other:?}");
        }
    }

    #[test]
    fn both_live_keys_are_believed_and_no_third() {
        let ring = KeyRing::new(key("new", 2)).with_other(key("old", 1));
        let verify = |key: SigningKey| ring.verify(&key.sign(&REQUEST, NOW, 1), &REQUEST, NOW);

        assert_eq!(verify(key("new", 2)), Ok(()));
        assert_eq!(verify(key("old", 1)), Ok(()));
        assert_eq!(verify(key("older", 0)), Err(AuthError::UnknownKey));
        assert_eq!(verify(key("old", 2)), Err(AuthError::Mismatch));
    }

    #[test]
    fn a_signature_lives_for_a_minute_either_way() {
        let ring = KeyRing::new(key("a", 1));
        let header = key("a", 1).sign(&REQUEST, NOW, 7);

        for (now, expected) in [
            (NOW.plus(SKEW_MAX), Ok(())),
            (NOW.minus(SKEW_MAX), Ok(())),
            (NOW.plus(Duration::from_secs(61)), Err(AuthError::Expired)),
            (NOW.minus(Duration::from_secs(61)), Err(AuthError::Expired)),
        ] {
            assert_eq!(ring.verify(&header, &REQUEST, now), expected);
        }
    }

    #[test]
    fn what_is_no_signature_is_malformed() {
        let ring = KeyRing::new(key("a", 1));
        let good = key("a", 1).sign(&REQUEST, NOW, 7);

        for header in [
            "",
            "v1",
            "v1;a;1;n",
            &good.replace("v1;", "v2;"),
            &format!("{good};x"),
            &format!("{good}A"),
            &good.replace(";1795442552;", ";+1795442552;"),
            &good.replace(";1795442552;", ";;"),
        ] {
            assert_eq!(ring.verify(header, &REQUEST, NOW), Err(AuthError::Malformed), "{header}");
        }
    }

    #[test]
    fn a_seal_is_of_one_text_and_purpose() {
        let seal = key("a", 1).seal("purpose", "text");

        assert!(key("a", 1).is_seal(&seal, "purpose", "text"));
        assert!(!key("a", 1).is_seal(&seal, "purpose", "texts"));
        assert!(!key("a", 1).is_seal(&seal, "purposes", "text"));
        assert!(!key("a", 2).is_seal(&seal, "purpose", "text"));
        assert!(!key("a", 1).is_seal("", "purpose", "text"));
        assert!(!key("a", 1).is_seal("é", "purpose", "text"));
    }

    #[test]
    fn a_refill_is_sealed_for_one_request_by_either_live_key() {
        let auth = key("a", 1).sign(&REQUEST, NOW, 7);
        let other = key("a", 1).sign(&REQUEST, NOW, 8);
        let ring = KeyRing::new(key("new", 2)).with_other(key("a", 1));
        let seal = key("a", 1).seal_refill(&auth);

        assert!(ring.is_refill(&seal, &auth));
        assert!(ring.is_refill(&key("new", 2).seal_refill(&auth), &auth));
        assert!(!ring.is_refill(&seal, &other));
        assert!(!ring.is_refill("1", &auth));
        assert!(!KeyRing::new(key("new", 2)).is_refill(&seal, &auth));
    }

    #[test]
    fn a_key_prints_its_name_alone() {
        let ring =
            KeyRing::new(SigningKey::new("k1", b"0123456789abcdef0123456789abcdef").unwrap());

        let printed = format!("{ring:?}");

        assert!(printed.contains("k1") && !printed.contains("0123456789"), "{printed}");
        assert!(!printed.contains("48, 49"), "{printed}");
    }

    #[test]
    fn a_secret_names_its_key() {
        let key = SigningKey::of_secret(b"0123456789abcdef0123456789abcdef").unwrap();

        assert_eq!(key.kid(), "3eb1bd43");
        assert_eq!(SigningKey::of_secret(b"short").unwrap_err(), InvalidKey::Secret);
    }

    #[test]
    fn a_short_secret_or_a_strange_name_is_no_key() {
        assert_eq!(SigningKey::new("a", &[1; 31]).unwrap_err(), InvalidKey::Secret);
        assert_eq!(SigningKey::new("a;b", &[1; 32]).unwrap_err(), InvalidKey::Name);
        assert_eq!(SigningKey::new("", &[1; 32]).unwrap_err(), InvalidKey::Name);
    }

    proptest! {
        #[test]
        fn no_header_makes_the_verifier_panic(header in "\\PC{0,120}|v1;[a-z];[0-9]{0,30};[a-zA-Z0-9;_-]{0,60}") {
            let verified = KeyRing::new(key("a", 1)).verify(&header, &REQUEST, NOW);

            prop_assert!(verified.is_err());
        }
    }
}

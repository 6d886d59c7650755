//! The read-your-writes token: `{seq}.{exp}.{mac}`. For a minute its bearer reads nothing older
//! than the write that it was given for.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use domain::{Seq, Timestamp};
use edge_core::auth::SigningKey;

pub const CATALOG_TOKEN: HeaderName = HeaderName::from_static("x-catalog-token");
pub const CATALOG_SEQ: HeaderName = HeaderName::from_static("x-catalog-seq");

/// Longer than any tier needs to catch up, short enough that a leaked one is of little use.
const LIVES: Duration = Duration::from_secs(60);

/// Mints and checks tokens.
pub struct TokenKey(SigningKey);

impl TokenKey {
    pub const fn new(key: SigningKey) -> Self {
        Self(key)
    }

    pub fn mint(&self, seq: Seq, now: Timestamp) -> String {
        let expires = now.plus(LIVES).as_seconds();
        let claim = format!("{seq}.{expires}");

        format!("{claim}.{}", self.mac(&claim))
    }

    /// The position that the bearer has written up to; `None` for whatever is not ours or is over.
    pub fn read(&self, headers: &HeaderMap, now: Timestamp) -> Option<Seq> {
        let token = headers.get(CATALOG_TOKEN)?.to_str().ok()?;
        let (claim, mac) = token.rsplit_once('.')?;
        let (seq, expires) = claim.split_once('.')?;
        let expires: u64 = expires.parse().ok()?;
        let is_ours: bool =
            subtle::ConstantTimeEq::ct_eq(self.mac(claim).as_bytes(), mac.as_bytes()).into();

        (is_ours && now.as_seconds() < expires).then(|| seq.parse().ok().map(Seq))?
    }

    fn mac(&self, claim: &str) -> String {
        self.0.seal("catalog-token", claim)
    }
}

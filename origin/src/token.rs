//! The read-your-writes token in the headers of requests and responses.

use axum::http::{HeaderMap, HeaderName};
use domain::{Stamp, Timestamp};
use edge_core::auth::SigningKey;
use edge_core::token;

pub const CATALOG_TOKEN: HeaderName = HeaderName::from_static("x-catalog-token");
pub const CATALOG_SEQ: HeaderName = HeaderName::from_static("x-catalog-seq");

/// Mints and checks tokens.
pub struct TokenKey(SigningKey);

impl TokenKey {
    pub const fn new(key: SigningKey) -> Self {
        Self(key)
    }

    pub fn mint(&self, written: &Stamp, now: Timestamp) -> String {
        token::mint(&self.0, written, now)
    }

    /// The position of the bearer's last write; `None` for a token that is invalid or has expired.
    pub fn read(&self, headers: &HeaderMap, now: Timestamp) -> Option<Stamp> {
        token::read(&self.0, headers.get(CATALOG_TOKEN)?.to_str().ok()?, now)
    }
}

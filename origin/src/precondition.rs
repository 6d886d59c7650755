//! `If-Match` on admin writes, compared with the version that the write replaces: required where it
//! replaces the whole, optional where it adds to what is there.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::HeaderValue;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use domain::Code;

use crate::problem::Problem;

/// The version that the caller has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: whatever is there.
    Any,
    Version(u64),
}

/// The ETag of an admin's answer: the version, quoted.
pub fn etag(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\""))
        .expect("digits and quotes are a header's value")
}

impl IfMatch {
    /// `None` for whatever is there.
    pub const fn version(self) -> Option<u64> {
        match self {
            Self::Any => None,
            Self::Version(version) => Some(version),
        }
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Problem> {
        if !parts.headers.contains_key(IF_MATCH) {
            return Ok(None);
        }
        <Self as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(IF_MATCH).iter();
        let Some(value) = values.next() else {
            let detail = "send If-Match with the ETag of what you have read";
            return Err(Problem::new(Code::PreconditionRequired, detail));
        };
        let text = value.to_str().unwrap_or_default().trim();
        let invalid = || Problem::invalid_header("If-Match", "is one ETag, \"7\", or *");

        if values.next().is_some() {
            return Err(invalid());
        }
        if text == "*" {
            return Ok(Self::Any);
        }
        let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let version = quoted.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));

        version.and_then(|digits| digits.parse().ok()).map(Self::Version).ok_or_else(invalid)
    }
}

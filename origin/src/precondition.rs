//! `If-Match` on admin writes, compared with the version that the write replaces: required where a
//! write replaces a resource, optional where it adds to one.

use std::future::Future;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use domain::Code;
use store::StoreError;

use crate::problem::Problem;

/// How often a write with `*` reads the version again because another writer was faster.
const ATTEMPTS_MAX: usize = 50;

/// The version that the caller has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: the current version, whichever that is.
    Any,
    Version(u64),
}

impl IfMatch {
    /// `None` for the current version.
    pub const fn version(self) -> Option<u64> {
        match self {
            Self::Any => None,
            Self::Version(version) => Some(version),
        }
    }

    /// Runs a write against the version that the caller has read; with `*` against the current one,
    /// and again when another writer replaced that in between.
    pub async fn apply<T, C, W>(
        self,
        current: impl Fn() -> C,
        write: impl Fn(u64) -> W,
    ) -> Result<T, Problem>
    where
        C: Future<Output = Result<u64, Problem>>,
        W: Future<Output = Result<T, StoreError>>,
    {
        if let Self::Version(version) = self {
            return Ok(write(version).await?);
        }
        for _ in 0..ATTEMPTS_MAX {
            match write(current().await?).await {
                Err(StoreError::VersionMismatch { .. }) => {}
                written => return Ok(written?),
            }
        }
        Err(StoreError::Busy.into())
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
            let detail = "send If-Match with the ETag that you have read, or *";
            return Err(Problem::new(Code::PreconditionRequired, detail));
        };
        let text = value.to_str().unwrap_or_default().trim();
        let invalid = || Problem::invalid_header("If-Match", "must be one ETag (\"7\") or *");

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

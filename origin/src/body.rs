//! Request bodies: read within the limit of their route, and JSON parsed so that every mistake is
//! named by its place.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use domain::{Code, FieldError};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// How many bytes of a body that is refused for its size are read all the same.
const DISCARDED_MAX: usize = 16 << 20;

/// The most bytes that a route takes as a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimit(usize);

/// A JSON body that is a `T`.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl BodyLimit {
    /// The route reads no body.
    pub const NONE: Self = Self(0);
    /// A hundred products with long descriptions.
    pub const JSON: Self = Self(1 << 20);
    /// About 30,000 rows of a catalogue file, which take seconds.
    pub const FILE: Self = Self(16 << 20);

    pub const fn bytes(self) -> usize {
        self.0
    }
}

impl<S: Sync> FromRequestParts<S> for BodyLimit {
    type Rejection = Infallible;

    /// Access control puts it there; a request that did not pass it has no body to read.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self::NONE))
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        require_json(&request)?;
        let bytes = read(request).await?;

        parse(&bytes).map(Self)
    }
}

/// The whole body, within the limit of its route.
pub async fn read(request: Request) -> Result<Bytes, Problem> {
    let limit = request.extensions().get().copied().unwrap_or(BodyLimit::NONE).bytes();
    let too_large = || {
        let detail = format!("the body may have at most {limit} bytes");
        Problem::new(Code::PayloadTooLarge, detail)
    };
    let announced = request.headers().get(CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let mut body = request.into_body();
    if announced.is_some_and(|length| length > limit as u64) {
        discard(&mut body).await;
        return Err(too_large());
    }

    match Limited::new(&mut body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(&mut body).await;
            Err(too_large())
        }
        Err(error) => Err(Problem::new(Code::InvalidJson, "the body was cut off").because(error)),
    }
}

/// Reads on for a while: a client that is still sending when the connection closes does not see the
/// response.
async fn discard(body: &mut Body) {
    let mut left = DISCARDED_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(less) => left = less,
            None => return,
        }
    }
}

/// `application/json`, or `application/merge-patch+json` (RFC 7396) for patches.
fn require_json(request: &Request) -> Result<(), Problem> {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    let known = ["application/json", "application/merge-patch+json"]
        .iter()
        .any(|known| kind.eq_ignore_ascii_case(known));

    if known {
        Ok(())
    } else {
        let detail = "send Content-Type: application/json";
        Err(Problem::new(Code::UnsupportedMediaType, detail))
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Syntax first: serde_json reports a null in the place of an enum as a mistake of syntax too.
    // Not for an array, which is told that an object is expected before how deep it may be.
    if bytes.trim_ascii_start().first() != Some(&b'[') {
        serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map_err(|error| {
            Problem::new(Code::InvalidJson, format!("the body is not JSON: {error}"))
        })?;
    }

    value(bytes).map_err(|error| Problem::invalid_body(vec![error]))
}

/// Reads an object of JSON. A mistake in it is named by its JSON pointer, an unknown field by its
/// own.
pub fn value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FieldError> {
    // Serde would read a struct from an array, field by field, which no caller means.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(FieldError::new("", "invalid", "must be an object, not an array"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);

    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        FieldError::new(pointer, "invalid", sentence(&error.into_inner()))
    })
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;

    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// Without "at line 1 column 7", since the pointer names the place.
fn sentence(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());

    text[..end].chars().take(300).collect()
}

//! JSON bodies, parsed at the door: every mistake is named by its place.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use domain::{Code, FieldError};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A hundred products with long descriptions; imports have a door of their own.
pub const BODY_MAX: usize = 1 << 20;

/// Of a body that is refused for its size.
const DISCARDED_MAX: usize = 16 << 20;

/// A JSON body that is a `T`.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        says_json(&request)?;
        let bytes = read(request).await?;

        parse(&bytes).map(Self)
    }
}

/// The whole body, at most [`BODY_MAX`] bytes.
pub async fn read(request: Request) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("a body has at most {BODY_MAX} bytes");
        Problem::new(Code::PayloadTooLarge, detail)
    };
    let announced = request.headers().get(axum::http::header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let mut body = request.into_body();
    if announced.is_some_and(|length| length > BODY_MAX as u64) {
        discard(&mut body).await;
        return Err(too_large());
    }

    match Limited::new(&mut body, BODY_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(&mut body).await;
            Err(too_large())
        }
        Err(error) => {
            Err(Problem::new(Code::InvalidJson, "the body did not arrive whole").because(error))
        }
    }
}

/// Reads on for a while: a caller who is still sending when the connection closes never sees the
/// answer.
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
fn says_json(request: &Request) -> Result<(), Problem> {
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
    // First, since serde_json calls a null where an enum belongs a mistake of syntax as well. An
    // array is told what it should be, before how deep it may be.
    if bytes.trim_ascii_start().first() != Some(&b'[') {
        serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map_err(|error| {
            Problem::new(Code::InvalidJson, format!("the body is not JSON: {error}"))
        })?;
    }

    value(bytes).map_err(|error| Problem::invalid_body(vec![error]))
}

/// Reads an object of JSON; what is wrong with it is named by its JSON pointer, an unknown field by
/// its own.
pub fn value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FieldError> {
    // A struct can be read from an array, field by field; no caller of ours means that.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(FieldError::new("", "invalid", "is an object, not an array"));
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

/// Without "at line 1 column 7", which a pointer says better.
fn sentence(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());

    text[..end].chars().take(300).collect()
}

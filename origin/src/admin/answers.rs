//! How an admin's request is answered: the thing, its version as ETag, and for writes the place in
//! the change log from which on every read shows it.

use std::future::Future;

use axum::Json;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::Stamp;
use serde::Serialize;
use store::{Committed, Recorded, StoreError, StoredResponse};

use crate::precondition::{IfMatch, etag};
use crate::problem::Problem;
use crate::shop::Shop;
use crate::token::{CATALOG_SEQ, CATALOG_TOKEN};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// So many others may write the same thing between our reading and our writing it.
const REPLACED_AT_MOST: usize = 50;

/// A thing as it is, with its version.
pub fn shown<T: Serialize>(version: u64, value: T) -> Response {
    ([(ETAG, etag(version))], Json(value)).into_response()
}

/// A thing as a write left it.
pub fn written<V: Serialize>(status: StatusCode, version: u64, value: &V) -> StoredResponse {
    let version = format!("\"{version}\"");

    StoredResponse {
        status: status.as_u16(),
        headers: vec![
            (CONTENT_TYPE.to_string(), "application/json".into()),
            (ETAG.to_string(), version),
        ],
        // Views are strings, numbers and lists of them, which always serialise.
        body: serde_json::to_string(value).unwrap_or_default(),
    }
}

/// A thing that was made, and where.
pub fn created<V: Serialize>(version: u64, location: String, value: &V) -> StoredResponse {
    let mut response = written(StatusCode::CREATED, version, value);
    response.headers.push((LOCATION.to_string(), location));
    response
}

/// A thing that is gone.
pub fn gone((): &()) -> StoredResponse {
    let status = StatusCode::NO_CONTENT.as_u16();

    StoredResponse { status, headers: Vec::new(), body: String::new() }
}

/// Sends what `answer` makes of a write that was committed: the same bytes as its key gives from
/// then on.
pub async fn sent<T>(
    shop: &Shop,
    committed: &Committed<T>,
    answer: impl Fn(&T) -> StoredResponse,
) -> Response {
    let response = response(answer(&committed.value));

    marked(shop, &committed.stamp(), response).await
}

/// The answers of many writes, the last of which is at `place`.
pub async fn listed<V: Serialize>(shop: &Shop, place: Option<Stamp>, value: V) -> Response {
    let response = Json(value).into_response();

    match place {
        Some(place) => marked(shop, &place, response).await,
        None => response,
    }
}

/// Answers again what was answered before. The token is a fresh one for the same place in the log,
/// since the first may be over by now.
pub fn replayed(shop: &Shop, recorded: Recorded) -> Response {
    let mut response = response(recorded.response);
    if let Some(place) = &recorded.place {
        mark(shop, place, &mut response);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Runs a write against the version that its caller has seen; with `*` against whichever is there,
/// and again when somebody else was faster.
pub async fn replacing<T, C, W>(
    seen: IfMatch,
    current: impl Fn() -> C,
    write: impl Fn(u64) -> W,
) -> Result<T, Problem>
where
    C: Future<Output = Result<u64, Problem>>,
    W: Future<Output = Result<T, StoreError>>,
{
    if let IfMatch::Version(version) = seen {
        return Ok(write(version).await?);
    }
    for _ in 0..REPLACED_AT_MOST {
        match write(current().await?).await {
            Err(StoreError::VersionMismatch { .. }) => {}
            answer => return Ok(answer?),
        }
    }
    Err(StoreError::Busy.into())
}

/// Parses a path's id; what is none is named.
pub fn id<T: std::str::FromStr>(what: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::invalid_id(what, text))
}

fn response(stored: StoredResponse) -> Response {
    let mut response = Response::new(Body::from(stored.body));
    *response.status_mut() = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    for (name, value) in stored.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn marked(shop: &Shop, place: &Stamp, mut response: Response) -> Response {
    shop.show(place.seq).await;
    mark(shop, place, &mut response);
    response
}

fn mark(shop: &Shop, place: &Stamp, response: &mut Response) {
    let token = shop.tokens.mint(place, shop.world.now());
    let headers = response.headers_mut();
    headers.insert(CATALOG_SEQ, HeaderValue::from(place.seq.0));
    if let Ok(token) = HeaderValue::from_str(&token) {
        headers.insert(CATALOG_TOKEN, token);
    }
}

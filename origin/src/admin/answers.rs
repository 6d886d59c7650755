//! How an admin's request is answered: the thing, its version as ETag, and for writes the place in
//! the change log from which on every read shows it.

use std::future::Future;

use axum::Json;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::{Committed, StoreError};

use crate::precondition::{IfMatch, etag};
use crate::problem::Problem;
use crate::shop::Shop;
use crate::token::{CATALOG_SEQ, CATALOG_TOKEN};

/// So many others may write the same thing between our reading and our writing it.
const REPLACED_AT_MOST: usize = 50;

/// A thing as it is, with its version.
pub fn shown<T: Serialize>(version: u64, value: T) -> Response {
    ([(ETAG, etag(version))], Json(value)).into_response()
}

/// A thing as a write left it.
pub async fn written<T, V: Serialize>(
    shop: &Shop,
    status: StatusCode,
    committed: &Committed<T>,
    version: Option<u64>,
    value: V,
) -> Response {
    let mut response = (status, Json(value)).into_response();
    if let Some(version) = version {
        response.headers_mut().insert(ETAG, etag(version));
    }
    marked(shop, committed, response).await
}

/// A thing that was made, and where.
pub async fn created<T, V: Serialize>(
    shop: &Shop,
    committed: &Committed<T>,
    version: u64,
    location: String,
    value: V,
) -> Response {
    let mut response = written(shop, StatusCode::CREATED, committed, Some(version), value).await;
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// A thing that is gone.
pub async fn gone(shop: &Shop, committed: &Committed<()>) -> Response {
    marked(shop, committed, StatusCode::NO_CONTENT.into_response()).await
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

async fn marked<T>(shop: &Shop, committed: &Committed<T>, mut response: Response) -> Response {
    shop.show(committed).await;
    let token = shop.tokens.mint(&committed.stamp(), shop.world.now());
    let headers = response.headers_mut();
    headers.insert(CATALOG_SEQ, HeaderValue::from(committed.seq.0));
    if let Ok(token) = HeaderValue::from_str(&token) {
        headers.insert(CATALOG_TOKEN, token);
    }
    response
}

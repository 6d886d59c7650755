//! Responses of admin calls: a resource with its version as ETag. The response to a write is made as
//! a [`StoredResponse`], so that it can be committed together with the write.

use axum::Json;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::StoredResponse;

use crate::etag::etag;

/// 200 with a resource as it was read.
pub fn found<T: Serialize>(version: u64, value: T) -> Response {
    ([(ETAG, etag(version))], Json(value)).into_response()
}

/// The response to a write that leaves `value`.
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

/// 201 with the location of a new resource.
pub fn created<V: Serialize>(version: u64, location: String, value: &V) -> StoredResponse {
    let mut response = written(StatusCode::CREATED, version, value);
    response.headers.push((LOCATION.to_string(), location));
    response
}

/// 204 for a deleted resource.
pub fn deleted((): &()) -> StoredResponse {
    let status = StatusCode::NO_CONTENT.as_u16();

    StoredResponse { status, headers: Vec::new(), body: String::new() }
}

pub fn into_response(stored: StoredResponse) -> Response {
    let mut response = Response::new(Body::from(stored.body));
    *response.status_mut() = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    for (name, value) in stored.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

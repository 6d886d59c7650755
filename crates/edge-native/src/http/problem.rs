//! Answers that the edge gives of its own: problems, never cached.

use bytes::Bytes;
use domain::ProblemBody;
use domain::ids::RequestId;
use domain::policy::PRIVATE_CACHE_CONTROL;
use edge_core::browser::{self, INERT, NOSNIFF};
use edge_core::{CacheStatus, Failure, Refusal};
use http::header::{ALLOW, CACHE_CONTROL, CACHE_STATUS, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use ports::World;

use crate::http::body::Body;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) fn refused(refusal: Refusal, world: &dyn World) -> Response<Body> {
    let allow = refusal.allow();
    let mut response = of(refusal.into_body(), &CacheStatus::Refused, world);

    if let Some(allow) = allow {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    }
    response
}

/// The origin gave no answer, and the edge has none.
pub(crate) fn failed(failure: Failure, status: &CacheStatus, world: &dyn World) -> Response<Body> {
    of(failure.problem(), status, world)
}

/// Named like a request at the origin, so that a shopper's report can be found either way.
pub(crate) fn of(
    mut problem: ProblemBody,
    status: &CacheStatus,
    world: &dyn World,
) -> Response<Body> {
    let id = RequestId::new(world.now(), world.random()).to_string();
    let id_value = HeaderValue::try_from(&id).expect("an id is letters, digits and _");
    problem.request_id = Some(id);
    let json = serde_json::to_vec(&problem).expect("a problem is strings and numbers");
    let mut response = Response::new(Body::Bytes(Bytes::from(json)));
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);

    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(PRIVATE_CACHE_CONTROL));
    headers.insert(CACHE_STATUS, status_value(status));
    headers.insert(REQUEST_ID, id_value);
    browser::put(headers, [&NOSNIFF, &INERT]);
    response
}

pub(crate) fn status_value(status: &CacheStatus) -> HeaderValue {
    HeaderValue::try_from(status.to_string()).expect("a cache status is printable ASCII")
}

//! Headers for browsers on every response, see [`edge_core::browser`].

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, Request, Response, StatusCode};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use edge_core::browser::{self, INERT, NOSNIFF, PREFLIGHT, READABLE};
use sha2::{Digest as _, Sha256};

use crate::docs_page;
use crate::problem::PROBLEM_JSON;

/// The response to an OPTIONS request of a route that any site's scripts may read.
pub fn preflight<B>(request: &Request<B>) -> Option<Response<Body>> {
    let target = request.uri().path_and_query()?.as_str();

    browser::is_preflight(request.method().as_str(), target).then(|| {
        let mut response = StatusCode::NO_CONTENT.into_response();
        browser::put(response.headers_mut(), &PREFLIGHT);
        response
    })
}

/// Whether any site's scripts may read the response to a request.
pub fn is_readable<B>(request: &Request<B>) -> bool {
    browser::is_readable(request.uri().path())
}

pub fn mark(response: &mut Response<Body>, is_readable: bool) {
    let headers = response.headers_mut();
    browser::put(headers, [&NOSNIFF]);
    if is_readable {
        browser::put(headers, &READABLE);
    }
    if headers.get(CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM_JSON) {
        browser::put(headers, [&INERT]);
    }
}

/// The policy of the API's page: its one style sheet, by its hash, and nothing else.
pub fn page_policy() -> (axum::http::HeaderName, HeaderValue) {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let hash = STANDARD.encode(Sha256::digest(docs_page::STYLE));
        let policy = format!("{}; style-src 'sha256-{hash}'; form-action 'none'", INERT.1);
        HeaderValue::try_from(policy).expect("names and base64 are a header's value")
    });

    (CONTENT_SECURITY_POLICY, POLICY.clone())
}

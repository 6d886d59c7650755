//! `Idempotency-Key` on POST: claimed before anything happens, so that of equal requests one runs
//! and the others get its answer.

use std::future::Future;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Code;
use sha2::{Digest, Sha256};
use store::idempotency::Ticket;
use store::{Claim, StoredResponse};

use crate::access::Admin;
use crate::body::{self, BODY_MAX};
use crate::context;
use crate::problem::Problem;
use crate::shop::{SharedShop, Shop};
use crate::token::{CATALOG_SEQ, CATALOG_TOKEN};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Stripe's bound.
const KEY_MAX: usize = 255;
/// What a replay repeats of the headers.
static KEPT: [HeaderName; 5] = [CONTENT_TYPE, ETAG, LOCATION, CATALOG_SEQ, CATALOG_TOKEN];

/// Runs a POST that brings a key at most once.
pub async fn once(State(shop): State<SharedShop>, request: Request, next: Next) -> Response {
    let claims_itself = request.uri().path() == "/admin/imports";
    if request.method() != Method::POST || !request.headers().contains_key(KEY) || claims_itself {
        return next.run(request).await;
    }

    match run_request(shop, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

/// The key of a route that does not go without one.
pub fn required_key(headers: &HeaderMap) -> Result<String, Problem> {
    if !headers.contains_key(KEY) {
        let detail = "send an Idempotency-Key: any text that no other request of yours has";
        return Err(Problem::new(Code::IdempotencyKeyMissing, detail));
    }
    key(headers)
}

async fn run_request(shop: SharedShop, request: Request, next: Next) -> Result<Response, Problem> {
    let key = key(request.headers())?;
    let scope = scope(&request);
    let (parts, body) = request.into_parts();
    let bytes = body::read(Request::from_parts(parts.clone(), body)).await?;
    let fingerprint = fingerprint(&parts.headers, &bytes);

    run(shop, scope, key, fingerprint, async move {
        next.run(Request::from_parts(parts, Body::from(bytes))).await
    })
    .await
}

/// Runs `request`, whose content is `fingerprint`, unless it ran under its key already. It goes on
/// if the caller hangs up, and finds its answer when it asks again.
pub async fn run(
    shop: SharedShop,
    scope: String,
    key: String,
    fingerprint: String,
    request: impl Future<Output = Response> + Send + 'static,
) -> Result<Response, Problem> {
    let ticket = match shop.idempotency.claim(&scope, &key, &fingerprint).await? {
        Claim::Owned(ticket) => ticket,
        Claim::Done(stored) => return Ok(replay(stored)),
        Claim::InProgress => {
            let detail = "a request with this Idempotency-Key is running; try again";
            return Err(Problem::new(Code::IdempotencyInProgress, detail));
        }
        Claim::Reused => {
            let detail = "this Idempotency-Key belongs to another request";
            return Err(Problem::new(Code::IdempotencyKeyReused, detail));
        }
    };
    let answer = async move {
        let response = request.await;
        settle(&shop, ticket, response).await
    };

    match tokio::spawn(context::scoped(context::current(), answer)).await {
        Ok(settled) => settled,
        Err(panic) => {
            let problem = Problem::new(Code::Internal, "something went wrong on our side");
            Err(problem.because(panic))
        }
    }
}

/// Keeps what was answered. After a failure of ours nothing happened, or it is not known what: the
/// same request may run again.
async fn settle(shop: &Shop, ticket: Ticket, response: Response) -> Result<Response, Problem> {
    if response.status().is_server_error() {
        shop.idempotency.abandon(ticket).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, BODY_MAX * 4).await.map_err(Problem::unavailable)?;
    let stored = StoredResponse {
        status: parts.status.as_u16(),
        headers: kept(&parts.headers),
        body: String::from_utf8_lossy(&bytes).into_owned(),
    };
    shop.idempotency.finish(ticket, &stored).await?;

    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let all = headers.get_all(KEY);
    let mut values = all.iter();
    let value = values.next().and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    // The draft writes it as a structured-field string; most clients send it bare.
    let key = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let well_formed =
        (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());

    if well_formed && values.next().is_none() {
        Ok(key.to_owned())
    } else {
        Err(Problem::invalid_header("Idempotency-Key", "is one key of 1 to 255 characters"))
    }
}

/// One admin's keys mean nothing to another, nor on another route.
fn scope(request: &Request) -> String {
    let who = request.extensions().get::<Admin>().map(|admin| admin.actor.name());

    format!("{} POST {}", who.unwrap_or_default(), request.uri().path())
}

fn fingerprint(headers: &HeaderMap, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(headers.get(axum::http::header::IF_MATCH).map_or(&b""[..], HeaderValue::as_bytes));
    hash.update([0]);
    hash.update(body);

    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let kept = KEPT.iter().filter_map(|name| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name.to_string(), value.to_owned()))
    });
    kept.collect()
}

fn replay(stored: StoredResponse) -> Response {
    let mut response = Response::new(Body::from(stored.body));
    *response.status_mut() = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    for (name, value) in stored.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

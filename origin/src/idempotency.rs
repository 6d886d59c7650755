//! `Idempotency-Key`: claimed before anything happens, so that of equal requests one runs and the
//! others get its answer.

use std::future::Future;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Code;
use sha2::{Digest, Sha256};
use store::{Claim, ClaimedKey, Ended, StoredResponse};

use crate::access::Admin;
use crate::admin::answers;
use crate::body::{self, BODY_MAX};
use crate::context;
use crate::problem::Problem;
use crate::routes::Idempotency;
use crate::shop::{SharedShop, Shop};
use crate::token::{CATALOG_SEQ, CATALOG_TOKEN};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Stripe's bound.
const KEY_MAX: usize = 255;
/// What a replay repeats of the headers.
static KEPT: [HeaderName; 5] = [CONTENT_TYPE, ETAG, LOCATION, CATALOG_SEQ, CATALOG_TOKEN];

/// Runs a write that brings a key once, however often it is sent.
pub async fn once(State(shop): State<SharedShop>, request: Request, next: Next) -> Response {
    let decided = request.extensions().get::<Idempotency>().copied();
    if decided != Some(Idempotency::Honoured) || !request.headers().contains_key(KEY) {
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
    let (mut parts, body) = request.into_parts();
    let bytes = body::read(Request::from_parts(parts.clone(), body)).await?;
    let fingerprint = fingerprint(&parts, &bytes);

    run(shop, &scope, &key, &fingerprint, move |claimed| {
        parts.extensions.insert(claimed);
        next.run(Request::from_parts(parts, Body::from(bytes)))
    })
    .await
}

/// Runs `request`, whose content is `fingerprint`, unless it ran under its key already. It goes on
/// if the caller hangs up, and its answer is found when it is asked for again.
pub async fn run<F>(
    shop: SharedShop,
    scope: &str,
    key: &str,
    fingerprint: &str,
    request: impl FnOnce(ClaimedKey) -> F,
) -> Result<Response, Problem>
where
    F: Future<Output = Response> + Send + 'static,
{
    let claimed = match shop.idempotency.claim(scope, key, fingerprint).await? {
        Claim::Owned(claimed) => claimed,
        Claim::Done(recorded) => return Ok(answers::replayed(&shop, recorded)),
        Claim::InProgress => return Err(Problem::in_progress()),
        Claim::Reused => {
            let detail = "this Idempotency-Key belongs to another request";
            return Err(Problem::new(Code::IdempotencyKeyReused, detail));
        }
    };
    let work = request(claimed.clone());
    let answer = async move {
        let response = shop.idempotency.hold(&claimed, work).await;
        settle(&shop, &claimed, response).await
    };

    match tokio::spawn(context::scoped(context::current(), answer)).await {
        Ok(settled) => settled,
        Err(panic) => {
            let problem = Problem::new(Code::Internal, "something went wrong on our side");
            Err(problem.because(panic))
        }
    }
}

/// Ends the claim. A refusal changed nothing, so it frees the key. After a failure it may not be
/// known whether the write was committed: the record tells, and is the answer if it was.
async fn settle(
    shop: &Shop,
    claimed: &ClaimedKey,
    response: Response,
) -> Result<Response, Problem> {
    if response.status().is_success() {
        return if claimed.is_recorded() {
            Ok(response)
        } else {
            finish(shop, claimed, response).await
        };
    }
    match shop.idempotency.abandon(claimed).await {
        Ok(ended) => ended_as(shop, ended, response),
        Err(error) => {
            tracing::warn!(%error, "idempotency key not freed before its lease ends");
            Ok(response)
        }
    }
}

/// Keeps the answer of a request without a write of its own, or with many.
async fn finish(
    shop: &Shop,
    claimed: &ClaimedKey,
    response: Response,
) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, BODY_MAX * 4).await.map_err(Problem::unavailable)?;
    let stored = StoredResponse {
        status: parts.status.as_u16(),
        headers: kept(&parts.headers),
        body: String::from_utf8_lossy(&bytes).into_owned(),
    };
    let ended = shop.idempotency.finish(claimed, &stored).await?;

    ended_as(shop, ended, Response::from_parts(parts, Body::from(bytes)))
}

fn ended_as(shop: &Shop, ended: Ended, response: Response) -> Result<Response, Problem> {
    match ended {
        Ended::AsAsked => Ok(response),
        Ended::Answered(recorded) => Ok(answers::replayed(shop, recorded)),
        Ended::TakenOver => Err(Problem::in_progress()),
    }
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
    let who = request.extensions().get::<Admin>().map(Admin::name);

    format!("{} {} {}", who.unwrap_or_default(), request.method(), request.uri().path())
}

/// What makes a request the same one: its body, the version that it replaces, its query.
fn fingerprint(parts: &Parts, body: &[u8]) -> String {
    let seen = parts.headers.get(IF_MATCH).map_or(&b""[..], HeaderValue::as_bytes);
    let mut hash = Sha256::new();
    for word in [seen, parts.uri.query().unwrap_or_default().as_bytes(), body] {
        hash.update((word.len() as u64).to_be_bytes());
        hash.update(word);
    }

    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let kept = KEPT.iter().filter_map(|name| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name.to_string(), value.to_owned()))
    });
    kept.collect()
}

//! `Idempotency-Key`: claimed before anything happens, so that of equal requests one runs and the
//! others get its response.

use std::future::Future;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Code;
use sha2::{Digest, Sha256};
use store::{Claim, ClaimedKey, Ended, Idempotency, StoredResponse};

use crate::access::Principal;
use crate::body;
use crate::context;
use crate::problem::Problem;
use crate::publication::Publication;
use crate::token::{CATALOG_SEQ, CATALOG_TOKEN};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Stripe's bound, in characters.
const KEY_MAX: usize = 255;
/// The largest response that is recorded, in bytes. A bulk request of 100 operations answers less.
const RECORDED_MAX: usize = 4 << 20;
/// The headers that a replay repeats.
static REPEATED: [HeaderName; 5] = [CONTENT_TYPE, ETAG, LOCATION, CATALOG_SEQ, CATALOG_TOKEN];

/// Runs requests once for each key.
#[derive(Clone)]
pub struct IdempotentRequests {
    pub records: Arc<Idempotency>,
    pub publication: Publication,
}

/// A key in the scope of its owner, method and path. Extracted, it refuses a request without one.
#[derive(Clone, Debug)]
pub struct ScopedKey {
    scope: String,
    key: String,
}

/// Runs a request with a key once, however often it is sent. A request whose principal has no
/// identity runs as if it had no key.
pub async fn once(
    State(requests): State<IdempotentRequests>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let answered = match ScopedKey::find(&parts) {
        Ok(None) => return next.run(Request::from_parts(parts, body)).await,
        Ok(Some(key)) => run_buffered(&requests, key, parts, body, next).await,
        Err(problem) => Err(problem),
    };

    answered.unwrap_or_else(Problem::into_response)
}

/// Reads the body into memory, since it is part of what a key stands for.
async fn run_buffered(
    requests: &IdempotentRequests,
    key: ScopedKey,
    mut parts: Parts,
    body: Body,
    next: Next,
) -> Result<Response, Problem> {
    let bytes = body::read(Request::from_parts(parts.clone(), body)).await?;
    let fingerprint = fingerprint(&parts, &bytes);

    requests
        .run(&key, &fingerprint, move |claimed| {
            parts.extensions.insert(claimed);
            next.run(Request::from_parts(parts, Body::from(bytes)))
        })
        .await
}

impl IdempotentRequests {
    /// Runs `request`, whose content is `fingerprint`, unless it ran under its key already. It is
    /// completed even if the caller disconnects, and a retry gets its response.
    pub async fn run<F>(
        &self,
        ScopedKey { scope, key }: &ScopedKey,
        fingerprint: &str,
        request: impl FnOnce(ClaimedKey) -> F,
    ) -> Result<Response, Problem>
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let claimed = match self.records.claim(scope, key, fingerprint).await? {
            Claim::Owned(claimed) => claimed,
            Claim::Done(recorded) => return Ok(self.publication.replay(recorded)),
            Claim::InProgress => return Err(Problem::in_progress()),
            Claim::Reused => {
                let detail = "this Idempotency-Key was used for another request";
                return Err(Problem::new(Code::IdempotencyKeyReused, detail));
            }
        };
        let work = request(claimed.clone());
        let requests = self.clone();
        let answer = async move {
            let response = requests.records.hold(&claimed, work).await;
            requests.settle(&claimed, response).await
        };

        match tokio::spawn(context::scoped(context::current(), answer)).await {
            Ok(settled) => settled,
            Err(panic) => Err(Problem::internal().because(panic)),
        }
    }

    /// Ends the claim. A refusal changed nothing, so it frees the key. After a failure it may be
    /// unknown whether the write was committed; if it was, its record is the response.
    async fn settle(&self, claimed: &ClaimedKey, response: Response) -> Result<Response, Problem> {
        if response.status().is_success() {
            return if claimed.is_recorded() {
                Ok(response)
            } else {
                self.record(claimed, response).await
            };
        }
        match self.records.abandon(claimed).await {
            Ok(ended) => self.ended_as(ended, response),
            Err(error) => {
                tracing::warn!(%error, "could not free an idempotency key before its lease ends");
                Ok(response)
            }
        }
    }

    /// Records the response of a request without a write of its own, or with several.
    async fn record(&self, claimed: &ClaimedKey, response: Response) -> Result<Response, Problem> {
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, RECORDED_MAX).await.map_err(Problem::unavailable)?;
        let stored = StoredResponse {
            status: parts.status.as_u16(),
            headers: repeated(&parts.headers),
            body: String::from_utf8_lossy(&bytes).into_owned(),
        };
        let ended = self.records.finish(claimed, &stored).await?;

        self.ended_as(ended, Response::from_parts(parts, Body::from(bytes)))
    }

    fn ended_as(&self, ended: Ended, response: Response) -> Result<Response, Problem> {
        match ended {
            Ended::AsAsked => Ok(response),
            Ended::Answered(recorded) => Ok(self.publication.replay(recorded)),
            Ended::TakenOver => Err(Problem::in_progress()),
        }
    }
}

impl ScopedKey {
    /// `None` if the request has no key, or its principal no identity to scope it by.
    fn find(parts: &Parts) -> Result<Option<Self>, Problem> {
        let owner = parts.extensions.get::<Principal>().and_then(Principal::idempotency_owner);
        let Some(owner) = owner.filter(|_| parts.headers.contains_key(KEY)) else {
            return Ok(None);
        };
        let scope = format!("{owner} {} {}", parts.method, parts.uri.path());

        Ok(Some(Self { scope, key: parse(&parts.headers)? }))
    }
}

impl<S: Sync> FromRequestParts<S> for ScopedKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::find(parts)?.ok_or_else(|| {
            let detail = "send an Idempotency-Key: a text that identifies this request";
            Problem::new(Code::IdempotencyKeyMissing, detail)
        })
    }
}

fn parse(headers: &HeaderMap) -> Result<String, Problem> {
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
        let detail = format!("must be one key of 1 to {KEY_MAX} characters");
        Err(Problem::invalid_header("Idempotency-Key", &detail))
    }
}

/// What makes two requests the same: body, version to replace, and query.
fn fingerprint(parts: &Parts, body: &[u8]) -> String {
    let if_match = parts.headers.get(IF_MATCH).map_or(&b""[..], HeaderValue::as_bytes);
    let mut hash = Sha256::new();
    // Each length goes first, so that no two lists of words have the same bytes.
    for word in [if_match, parts.uri.query().unwrap_or_default().as_bytes(), body] {
        hash.update((word.len() as u64).to_be_bytes());
        hash.update(word);
    }

    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn repeated(headers: &HeaderMap) -> Vec<(String, String)> {
    let repeated = REPEATED.iter().filter_map(|name| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name.to_string(), value.to_owned()))
    });
    repeated.collect()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(principal: Option<Principal>) -> Parts {
        let request = Request::post("/cart/items").header(KEY, "7d3b8c1e");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        if let Some(principal) = principal {
            parts.extensions.insert(principal);
        }
        parts
    }

    #[test]
    fn the_key_of_a_principal_without_identity_is_ignored() {
        let address = Some("192.0.2.1".parse().unwrap());

        for principal in [Some(Principal::Anonymous { address }), Some(Principal::Edge), None] {
            assert!(ScopedKey::find(&parts(principal)).unwrap().is_none());
        }
    }
}

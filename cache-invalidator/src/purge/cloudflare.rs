//! Cloudflare's API: `POST /zones/{zone}/purge_cache` with `{"tags":[…]}`.

use std::time::Duration;

use async_trait::async_trait;
use domain::Tag;
use platform::{CloudflareSettings, Secret};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use resilience::{Breaker, CallError, Verdict};
use serde::{Deserialize, Serialize};

use super::{PurgeError, Purger};
use crate::http::{self, ClientError};

/// Purges take a fraction of a second; nothing waits for this one.
const RESPONSE_WITHIN: Duration = Duration::from_secs(10);
/// Responses have some hundred bytes.
const RESPONSE_MAX: usize = 64 << 10;
/// For a 429 without `Retry-After`: the time in which the smallest plan gains five tokens.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(60);

pub(crate) struct Cloudflare {
    client: Client,
    url: String,
    token: Secret,
    breaker: Breaker,
}

#[derive(Serialize)]
struct PurgeByTags<'a> {
    tags: &'a [Tag],
}

/// The part of `cache-purge_api-response-common` that is used here.
#[derive(Deserialize)]
struct ApiResponse {
    success: bool,
    #[serde(default)]
    errors: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    code: u64,
}

impl Cloudflare {
    pub(crate) fn new(settings: &CloudflareSettings) -> Result<Self, ClientError> {
        let CloudflareSettings { zone, endpoint, .. } = settings;

        Ok(Self {
            client: http::outside(RESPONSE_WITHIN)?,
            url: format!("{endpoint}/client/v4/zones/{zone}/purge_cache"),
            token: settings.token.clone(),
            breaker: Breaker::new("cloudflare", "purge"),
        })
    }

    async fn send(&self, tags: &[Tag]) -> Result<(), PurgeError> {
        let body = serde_json::to_vec(&PurgeByTags { tags }).expect("tags are texts");
        let request = self
            .client
            .post(&self.url)
            .header(AUTHORIZATION, bearer(&self.token)?)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body);

        let response = request.send().await.map_err(|error| {
            let why = if error.is_timeout() { "no response in time" } else { "no connection" };
            tracing::debug!(error = %error.without_url(), "Cloudflare did not respond");
            PurgeError::Unavailable(why)
        })?;
        judge(response).await
    }
}

#[async_trait]
impl Purger for Cloudflare {
    async fn purge(&self, tags: &[Tag]) -> Result<(), PurgeError> {
        let ended = self.breaker.call(self.send(tags), |ended| match ended {
            // A refusal is a response: the API is healthy.
            Ok(()) | Err(PurgeError::Refused { .. }) => Verdict::Succeeded,
            Err(_) => Verdict::Failed,
        });

        ended.await.map_err(|error| match error {
            CallError::Open(open) => PurgeError::Open(open.retry_after),
            CallError::TimedOut => PurgeError::Unavailable("no response in time"),
            CallError::Failed(error) => error,
        })
    }
}

/// Marked as sensitive, so that no client prints it.
fn bearer(token: &Secret) -> Result<HeaderValue, PurgeError> {
    let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
    // A token that is not valid in a header can't be one of Cloudflare's.
    let mut value = value.map_err(|_| PurgeError::Refused { status: 0, codes: Vec::new() })?;

    value.set_sensitive(true);
    Ok(value)
}

async fn judge(response: Response) -> Result<(), PurgeError> {
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(PurgeError::Throttled(retry_after(&response)));
    }
    if status.is_server_error() {
        return Err(PurgeError::Unavailable("it responded with 5xx"));
    }
    let body = http::body(response, RESPONSE_MAX).await;
    let body = body.map_err(|_| PurgeError::Unavailable("its response was incomplete"))?;
    let answer: Option<ApiResponse> = serde_json::from_slice(&body).ok();

    match answer {
        Some(answer) if status.is_success() && answer.success => Ok(()),
        Some(answer) => {
            let codes = answer.errors.iter().map(|error| error.code).take(10).collect();
            Err(PurgeError::Refused { status: status.as_u16(), codes })
        }
        None if status.is_client_error() => {
            Err(PurgeError::Refused { status: status.as_u16(), codes: Vec::new() })
        }
        // From something between us and the API: a proxy's page, a redirect.
        None => Err(PurgeError::Unavailable("its response was not the API's")),
    }
}

/// In seconds; a date (RFC 9110 §10.2.3) counts as absent.
fn retry_after(response: &Response) -> Duration {
    let seconds = response.headers().get(RETRY_AFTER);
    let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());

    seconds.map_or(RETRY_AFTER_DEFAULT, Duration::from_secs)
}

#[cfg(test)]
#[path = "cloudflare_tests.rs"]
mod tests;

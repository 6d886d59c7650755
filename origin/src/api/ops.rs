//! For operators: liveness, readiness and metrics; and the API's own description.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use cache::Follower;
use domain::Code;
use serde::Serialize;
use supervision::Supervisor;
use utoipa_axum::routes;

use crate::browsers;
use crate::catalog::{CatalogReads, Index};
use crate::description::Description;
use crate::problem::Problem;
use crate::route::Endpoint;
use crate::shop::{MetricsPage, Shop};

/// A process that has not heard from the change log for longer is not ready: edges promise less.
const READY_WITHIN: Duration = Duration::from_secs(10);

pub fn endpoints() -> Vec<Endpoint<Shop>> {
    vec![
        Endpoint::open(routes!(root)),
        Endpoint::open(routes!(healthz)),
        Endpoint::open(routes!(readyz)),
        Endpoint::open(routes!(metrics)),
        Endpoint::open(routes!(openapi)),
        Endpoint::open(routes!(docs)),
    ]
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct Health {
    status: &'static str,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct Readiness {
    status: &'static str,
    /// The position in the change log that responses reflect: `{log}.{seq}`.
    position: Option<String>,
    products: usize,
}

/// 200 while the process runs.
#[utoipa::path(get, path = "/healthz", tag = "ops",
    responses((status = 200, description = "The process runs", body = Health)))]
pub async fn healthz() -> axum::Json<Health> {
    axum::Json(Health { status: "ok" })
}

/// 200 while the process can serve; else every reason why it can't.
#[utoipa::path(get, path = "/readyz", tag = "ops", responses(
    (status = 200, description = "The process can serve", body = Readiness),
    (status = 503, description = "Not yet, or no longer", body = domain::ProblemBody,
        content_type = "application/problem+json"),
))]
pub async fn readyz(
    State(supervisor): State<Supervisor>,
    State(follower): State<Follower>,
    State(index): State<Arc<Index>>,
) -> Result<axum::Json<Readiness>, Problem> {
    let mut reasons = supervisor.unfit().await;
    if follower.age() > READY_WITHIN {
        reasons.push("no news of the change log for 10 s".to_owned());
    }
    if !reasons.is_empty() {
        return Err(Problem::new(Code::Unavailable, reasons.join("; ")));
    }

    Ok(axum::Json(Readiness {
        status: "ok",
        position: follower.stamp().map(|stamp| stamp.to_string()),
        products: index.snapshot().len(),
    }))
}

/// Metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "ops",
    responses((status = 200, description = "All metrics", body = String)))]
pub async fn metrics(
    State(reads): State<CatalogReads>,
    State(index): State<Arc<Index>>,
    State(page): State<MetricsPage>,
) -> Response {
    let (entries, bytes) = reads.size();
    metrics::gauge!("cache_entries", "layer" => "memory").set(as_gauge(entries));
    metrics::gauge!("cache_bytes", "layer" => "memory").set(as_gauge(bytes));
    metrics::gauge!("catalog_products").set(as_gauge(index.snapshot().len() as u64));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4");

    ([(CONTENT_TYPE, kind)], page()).into_response()
}

/// The API's OpenAPI 3.1 document.
#[utoipa::path(get, path = "/openapi.json", tag = "ops",
    responses((status = 200, description = "The document", body = Object)))]
pub async fn openapi(Extension(description): Extension<Description>) -> Response {
    let kind = HeaderValue::from_static("application/json");

    ([(CONTENT_TYPE, kind)], description.json()).into_response()
}

/// The API's description for people.
#[utoipa::path(get, path = "/docs", tag = "ops",
    responses((status = 200, description = "A page", body = String, content_type = "text/html")))]
pub async fn docs(Extension(description): Extension<Description>) -> impl IntoResponse {
    ([browsers::page_policy()], Html(description.page()))
}

/// Redirects to the description.
#[utoipa::path(get, path = "/", tag = "ops",
    responses((status = 303, description = "To /docs")))]
pub async fn root() -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, HeaderValue::from_static("/docs"))]).into_response()
}

/// Gauges are floats by their protocol; whole numbers below 2^53 stay exact.
#[expect(clippy::cast_precision_loss, reason = "the metrics protocol has only floats")]
fn as_gauge(number: u64) -> f64 {
    number as f64
}

//! For operators: is it alive, is it ready, how is it doing; and the API's own description.

use std::sync::LazyLock;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use domain::Code;
use edge_core::browser::INERT;
use serde::Serialize;

use crate::browsers;
use crate::problem::Problem;
use crate::shop::SharedShop;

/// A log that was not heard of for so long makes this process unfit to answer: older than the
/// bound that edges promise.
const READY_WITHIN: Duration = Duration::from_secs(10);

#[derive(Serialize, utoipa::ToSchema)]
pub struct Health {
    status: &'static str,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct Readiness {
    status: &'static str,
    /// The change log's position that answers reflect: `{log}.{seq}`.
    position: Option<String>,
    products: usize,
}

/// Answers while the process runs.
#[utoipa::path(get, path = "/healthz", tag = "ops",
    responses((status = 200, description = "It runs", body = Health)))]
pub async fn healthz() -> axum::Json<Health> {
    axum::Json(Health { status: "ok" })
}

/// Answers 200 while the process is fit for its work; else names each reason why it is not.
#[utoipa::path(get, path = "/readyz", tag = "ops", responses(
    (status = 200, description = "It can answer", body = Readiness),
    (status = 503, description = "Not yet, or not any more", body = domain::ProblemBody,
        content_type = "application/problem+json"),
))]
pub async fn readyz(State(shop): State<SharedShop>) -> Result<axum::Json<Readiness>, Problem> {
    let mut reasons = shop.supervisor.unfit().await;
    if shop.follower.age() > READY_WITHIN {
        reasons.push("the change log was not heard of for 10 s".to_owned());
    }
    if !reasons.is_empty() {
        return Err(Problem::new(Code::Unavailable, reasons.join("; ")));
    }

    Ok(axum::Json(Readiness {
        status: "ok",
        position: shop.follower.stamp().map(|stamp| stamp.to_string()),
        products: shop.snapshot().len(),
    }))
}

/// Metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "ops",
    responses((status = 200, description = "All metrics", body = String)))]
pub async fn metrics(State(shop): State<SharedShop>) -> Response {
    let (entries, bytes) = shop.reads.size();
    metrics::gauge!("cache_entries", "layer" => "memory").set(as_gauge(entries));
    metrics::gauge!("cache_bytes", "layer" => "memory").set(as_gauge(bytes));
    metrics::gauge!("catalog_products").set(as_gauge(shop.snapshot().len() as u64));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4");

    ([(CONTENT_TYPE, kind)], (shop.metrics)()).into_response()
}

/// The API's OpenAPI 3.1 document.
#[utoipa::path(get, path = "/openapi.json", tag = "ops",
    responses((status = 200, description = "The document", body = Object)))]
pub async fn openapi() -> Response {
    static JSON: LazyLock<String> =
        LazyLock::new(|| crate::openapi().to_json().expect("the document has text keys alone"));
    let kind = HeaderValue::from_static("application/json");

    ([(CONTENT_TYPE, kind)], JSON.as_str()).into_response()
}

/// The API's description for people.
#[utoipa::path(get, path = "/docs", tag = "ops",
    responses((status = 200, description = "A page", body = String, content_type = "text/html")))]
pub async fn docs() -> impl IntoResponse {
    static PAGE: LazyLock<String> = LazyLock::new(|| crate::docs::page(&crate::openapi()));

    ([browsers::page_policy()], Html(PAGE.as_str()))
}

/// Leads people to the description.
#[utoipa::path(get, path = "/", tag = "ops",
    responses((status = 303, description = "To /docs")))]
pub async fn root() -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, HeaderValue::from_static("/docs"))]).into_response()
}

/// A product's picture, where the shop makes it itself.
#[utoipa::path(get, path = "/images/{file}", tag = "catalog",
    params(("file" = String, Path, description = "`{slug}.svg`")),
    responses(
        (status = 200, description = "The picture", body = String, content_type = "image/svg+xml"),
        (status = 404, description = "There is no such picture", body = domain::ProblemBody,
            content_type = "application/problem+json"),
    ))]
pub async fn image(axum::extract::Path(file): axum::extract::Path<String>) -> Response {
    let picture = file.strip_suffix(".svg").and_then(catalog_files::demo::picture);

    match picture {
        Some(svg) => {
            let kind = HeaderValue::from_static("image/svg+xml");
            // The picture of a slug never changes; a build that draws another one is rare.
            let keep = HeaderValue::from_static("public, max-age=86400");
            // It may be opened as a document of its own, and has neither style nor script.
            let policy = HeaderValue::from_static(INERT.1);
            let headers = [
                (CONTENT_TYPE, kind),
                (axum::http::header::CACHE_CONTROL, keep),
                (axum::http::header::CONTENT_SECURITY_POLICY, policy),
            ];
            (headers, svg).into_response()
        }
        None => Problem::not_found("picture").into_response(),
    }
}

/// A gauge is a float by its protocol; whole numbers below 2^53 stay exact.
#[expect(clippy::cast_precision_loss, reason = "the metrics protocol has floats alone")]
fn as_gauge(number: u64) -> f64 {
    number as f64
}

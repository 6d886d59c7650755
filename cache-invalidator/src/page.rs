//! What operators ask the process of its own: does it run, does it follow, how is it doing.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use cache::Follower;
use platform::Metrics;

/// A log that was not heard of for so long: edges are told of nothing.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Page {
    follower: Follower,
    metrics: Metrics,
}

pub(crate) fn router(follower: Follower, metrics: Metrics) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render))
        .with_state(Page { follower, metrics })
}

async fn readyz(State(page): State<Page>) -> impl IntoResponse {
    match page.follower.stamp() {
        Some(stamp) if page.follower.age() <= HEARD_WITHIN => (StatusCode::OK, stamp.to_string()),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the change log is not followed".to_owned()),
    }
}

async fn render(State(page): State<Page>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], page.metrics.render())
}

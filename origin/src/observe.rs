//! What happens to every request and response: an id, a bound on its time, metrics, one log line if
//! it failed, and the headers for browsers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Code;
use edge_core::Refusal;
use ports::World;

use crate::browsers;
use crate::context::{self, REQUEST_ID, RequestId, RequestIds};
use crate::problem::{Cause, Problem};
use crate::request_metrics::RequestMetrics;
use crate::route::Route;

/// Longer than any handler needs that is not stuck.
const RESPOND_WITHIN: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct Observer {
    pub ids: Arc<RequestIds>,
    pub metrics: Arc<RequestMetrics>,
}

impl Observer {
    pub fn new(routes: &[Route], world: Arc<dyn World>) -> Self {
        Self {
            ids: Arc::new(RequestIds::new(world)),
            metrics: Arc::new(RequestMetrics::new(routes)),
        }
    }
}

pub async fn observe(State(observer): State<Observer>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = context::given_id(request.headers()).unwrap_or_else(|| observer.ids.next());
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let is_readable = browsers::is_readable(&request);
    let mut response = context::scoped(id.clone(), respond(request, next)).await;

    let path = path.as_ref().map(MatchedPath::as_str);
    let status = response.status();
    observer.metrics.record(path, status, began.elapsed());
    // 501 is a server error by its number, and the client's mistake: an unknown transfer coding.
    if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        let (route, status) = (path.unwrap_or("none"), status.as_u16());
        let cause = response.extensions().get::<Cause>();
        tracing::error!(%method, route, status, request.id = %id.0, ?cause, "request failed");
    }
    browsers::mark(&mut response, is_readable);
    name(&mut response, &id);
    response
}

/// Tells the client under which id its request is logged.
pub fn name(response: &mut Response, id: &RequestId) {
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
}

async fn respond(request: Request, next: Next) -> Response {
    // The service in front of the router has refused it, see `FastPathService`.
    if let Some(refusal) = request.extensions().get::<Refusal>().cloned() {
        return Problem::from(refusal).into_response();
    }
    if let Some(response) = browsers::preflight(&request) {
        return response;
    }

    match tokio::time::timeout(RESPOND_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(Code::Timeout, "the request took too long").into_response(),
    }
}

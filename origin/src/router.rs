//! The router: every declared route behind its checks, and the answers where no route matches.

use std::sync::Arc;

use axum::extract::{FromRef as _, MatchedPath, Request};
use axum::http::header::ALLOW;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use domain::Code;
use edge_core::headers::METHODS;
use tower_http::catch_panic::CatchPanicLayer;

use crate::access::{self, Guard};
use crate::api;
use crate::description::Description;
use crate::document;
use crate::idempotency::{self, IdempotentRequests};
use crate::observe::{Observer, observe};
use crate::problem::Problem;
use crate::route::{Endpoint, Idempotency, Route, allowed_methods};
use crate::shop::Shop;

/// The service without its listener and without the fast path.
pub fn router(shop: Shop) -> Router {
    observed(shop).0
}

/// The same, with what counts and names its requests.
pub fn observed(shop: Shop) -> (Router, Observer) {
    let endpoints = api::endpoints();
    let routes: Vec<_> = endpoints.iter().map(|endpoint| endpoint.route.clone()).collect();
    let observer = Observer::new(&routes, Arc::from_ref(&shop));
    let router = endpoints
        .into_iter()
        .fold(Router::new(), |router, endpoint| mount(router, endpoint, &shop));
    let router = router
        .method_not_allowed_fallback(move |matched: Option<MatchedPath>| {
            let problem = method_not_allowed(&routes, matched.as_ref());
            std::future::ready(problem)
        })
        .fallback(not_found)
        .layer(Extension(Description::new(document::openapi)))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(observer.clone(), observe))
        .with_state(shop);

    (router, observer)
}

/// Puts a route's handler behind access control and, where the route honours keys, idempotency. A
/// handler can't be mounted without them.
fn mount(router: Router<Shop>, endpoint: Endpoint<Shop>, shop: &Shop) -> Router<Shop> {
    let Endpoint { route, handler, .. } = endpoint;
    let handler = match route.idempotency {
        Idempotency::Honoured => handler
            .route_layer(from_fn_with_state(IdempotentRequests::from_ref(shop), idempotency::once)),
        Idempotency::None | Idempotency::Required => handler,
    };
    let route = Arc::new(route);
    let guard = Guard { access: Arc::from_ref(shop), route: Arc::clone(&route) };

    router.route(&route.path, handler.route_layer(from_fn_with_state(guard, access::admit)))
}

fn method_not_allowed(routes: &[Route], matched: Option<&MatchedPath>) -> Problem {
    let methods = matched.map_or(String::new(), |path| allowed_methods(routes, path.as_str()));

    Problem::new(Code::MethodNotAllowed, format!("allowed methods: {methods}")).allowing(methods)
}

async fn not_found(request: Request) -> Response {
    if request.method() == Method::OPTIONS && request.uri().path() == "*" {
        return (StatusCode::NO_CONTENT, [(ALLOW, METHODS)]).into_response();
    }
    Problem::not_found("page").into_response()
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();

    Problem::internal().because(format!("a handler panicked: {text}")).into_response()
}

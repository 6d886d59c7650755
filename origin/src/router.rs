//! The router, and what every request passes on its way in and out.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use domain::Code;
use edge_core::Refusal;
use edge_core::headers::METHODS;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::{self, REQUEST_ID};
use crate::problem::{Cause, Problem};
use crate::shop::SharedShop;
use crate::{access, admin, browsers, catalog, idempotency, internal, ops, routes as decided};

/// Longer than any handler takes that is not stuck.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Shopping",
        description = "The API of the shop. Money is in minor units; lists go on by next_cursor; \
errors are problems (RFC 9457) with a stable code.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(
        domain::ProblemBody,
        domain::FieldError,
        domain::Sort,
        admin::ExportFormat
    ))
)]
struct Document;

/// The service, ready to serve.
pub fn router(shop: SharedShop) -> Router {
    let (router, _) = documented().split_for_parts();

    router
        .route("/internal/changes", axum::routing::get(internal::changes).post(internal::pushed))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(shop.clone(), idempotency::once))
        .route_layer(from_fn_with_state(shop.clone(), access::admit))
        .fallback(nothing)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(shop.clone(), observe))
        .with_state(shop)
}

/// The OpenAPI 3.1 document of [`router`].
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, mut document) = documented().split_for_parts();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An admin key: `shopping admin-key create`"))
        .build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("admin_key", SecurityScheme::Http(bearer));
    document
}

fn documented() -> OpenApiRouter<SharedShop> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(catalog::list))
        .routes(routes!(catalog::search))
        .routes(routes!(catalog::show))
        .routes(routes!(catalog::recommendations))
        .routes(routes!(catalog::categories))
        .routes(routes!(catalog::featured))
        .routes(routes!(catalog::bestsellers))
        .routes(routes!(admin::list_products, admin::create_product))
        .routes(routes!(admin::show_product, admin::update_product, admin::delete_product))
        .routes(routes!(admin::add_variant))
        .routes(routes!(admin::show_variant, admin::update_variant, admin::delete_variant))
        .routes(routes!(admin::list_categories, admin::create_category))
        .routes(routes!(admin::show_category, admin::update_category, admin::delete_category))
        .routes(routes!(admin::list_collections, admin::create_collection))
        .routes(routes!(admin::show_collection, admin::update_collection, admin::delete_collection))
        .routes(routes!(admin::show_featured, admin::set_featured))
        .routes(routes!(admin::show_bestsellers, admin::set_bestsellers))
        .routes(routes!(admin::show_stock))
        .routes(routes!(admin::list_ledger))
        .routes(routes!(admin::adjust_stock))
        .routes(routes!(admin::run_bulk))
        .routes(routes!(admin::import_file))
        .routes(routes!(admin::export_file))
        .routes(routes!(admin::list_audit))
        .routes(routes!(ops::healthz))
        .routes(routes!(ops::readyz))
        .routes(routes!(ops::metrics))
        .routes(routes!(ops::openapi))
        .routes(routes!(ops::docs))
        .routes(routes!(ops::root))
        .routes(routes!(ops::image))
}

/// Names the request, bounds its time, counts it, and writes its one log line if it failed.
async fn observe(State(shop): State<SharedShop>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id =
        context::given_id(request.headers()).unwrap_or_else(|| shop.requests.next(&*shop.world));
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let refused = request.extensions().get::<Refusal>().cloned();
    let is_readable = browsers::is_readable(&request);
    let answered = context::scoped(id.clone(), async {
        // What came through the door as nobody's request, see `Door`.
        if let Some(refusal) = refused {
            return Problem::from(refusal).into_response();
        }
        if let Some(response) = browsers::preflight(&request) {
            return response;
        }
        match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::new(Code::Timeout, "the shop took too long").into_response(),
        }
    });
    let mut response = answered.await;

    let route = path.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status();
    shop.measures.answered(route, status, began.elapsed());
    // The client's own doing, though its number is a server's.
    if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        let cause = response.extensions().get::<Cause>();
        tracing::error!(%method, route, status = status.as_u16(), request.id = %id.0, ?cause, "request failed");
    }
    browsers::mark(&mut response, is_readable);
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

async fn method_not_allowed(matched: Option<MatchedPath>) -> Problem {
    let methods = matched.as_ref().map_or(String::new(), |path| decided::methods(path.as_str()));

    Problem::new(Code::MethodNotAllowed, format!("allowed here: {methods}")).allowing(methods)
}

async fn nothing(request: Request) -> Response {
    if request.method() == Method::OPTIONS && request.uri().path() == "*" {
        return (StatusCode::NO_CONTENT, [(ALLOW, METHODS)]).into_response();
    }
    Problem::not_found("page").into_response()
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();

    Problem::new(Code::Internal, "something went wrong on our side")
        .because(format!("a handler panicked: {text}"))
        .into_response()
}

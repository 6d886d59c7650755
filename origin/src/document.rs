//! The OpenAPI 3.1 document, from the declared routes.

use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use crate::api;
use crate::api::admin::ExportFormat;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Shopping",
        description = "The API of the shop. Money is in minor units; lists continue at next_cursor; \
errors are problems (RFC 9457) with a stable code.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(domain::ProblemBody, domain::FieldError, domain::Sort, ExportFormat))
)]
struct Document;

pub fn openapi() -> OpenApi {
    let document = OpenApiRouter::with_openapi(Document::openapi());
    let described =
        api::endpoints().into_iter().fold(document, |document, route| route.describe(document));
    let mut document = described.into_openapi();
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

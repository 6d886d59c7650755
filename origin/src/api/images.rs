//! Pictures of the demo catalogue, which the shop draws itself.

use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use edge_core::browser::INERT;
use utoipa_axum::routes;

use crate::problem::Problem;
use crate::route::Endpoint;
use crate::shop::Shop;

pub fn endpoints() -> Vec<Endpoint<Shop>> {
    vec![Endpoint::open(routes!(show))]
}

/// A product's picture, where the shop draws it itself.
#[utoipa::path(get, path = "/images/{file}", operation_id = "image", tag = "catalog",
    params(("file" = String, Path, description = "`{slug}.svg`")),
    responses(
        (status = 200, description = "The picture", body = String, content_type = "image/svg+xml"),
        (status = 404, description = "No such picture", body = domain::ProblemBody,
            content_type = "application/problem+json"),
    ))]
pub async fn show(Path(file): Path<String>) -> Result<Response, Problem> {
    let picture = file.strip_suffix(".svg").and_then(catalog_files::demo::picture);
    let svg = picture.ok_or_else(|| Problem::not_found("picture"))?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/svg+xml")),
        // The picture of a slug changes only with a build that draws another one.
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400")),
        // Opened as a document of its own, it needs neither style nor script.
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(INERT.1)),
    ];

    Ok((headers, svg).into_response())
}

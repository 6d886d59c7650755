//! The featured list for admins.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::ProductId;
use domain::access::Permission::{ReadCatalog, WriteCatalog};
use serde::{Deserialize, Serialize};
use store::Catalog;
use store::catalog::FeaturedList;
use utoipa_axum::routes;

use crate::body;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::responses;
use crate::route::Endpoint;
use crate::schema::{AdminProblems, VersionHeader, VersionProblems, WriteProblems};
use crate::shop::Shop;
use crate::writer::Writer;

pub fn endpoints() -> Vec<Endpoint<Shop>> {
    vec![
        Endpoint::admin(ReadCatalog, routes!(show)),
        Endpoint::admin(WriteCatalog, routes!(replace)),
    ]
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeaturedBody {
    #[schema(max_items = 200)]
    products: Vec<ProductId>,
}

/// Shows the featured list.
#[utoipa::path(get, path = "/admin/featured", operation_id = "show_featured",
    tag = "admin", security(("admin_key" = [])),
    responses((status = 200, description = "The list; ETag is its version", body = FeaturedBody),
        AdminProblems)
)]
pub async fn show(State(catalog): State<Catalog>) -> Result<Response, Problem> {
    let list = catalog.featured().await?;

    Ok(responses::found(list.version, FeaturedBody { products: list.products }))
}

/// Replaces the featured list.
#[utoipa::path(put, path = "/admin/featured", operation_id = "set_featured",
    tag = "admin", security(("admin_key" = [])),
    params(VersionHeader), request_body = FeaturedBody,
    responses((status = 200, description = "The list", body = FeaturedBody),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn replace(
    State(catalog): State<Catalog>,
    writer: Writer,
    seen: IfMatch,
    body::Json(list): body::Json<FeaturedBody>,
) -> Result<Response, Problem> {
    let current = async || Ok(catalog.featured().await?.version);
    let answer = |list: &FeaturedList| {
        let body = FeaturedBody { products: list.products.clone() };
        responses::written(StatusCode::OK, list.version, &body)
    };
    let by = writer.context(&answer);
    let write = |version| catalog.set_featured(version, &list.products, by);
    let done = seen.apply(current, write).await?;

    Ok(writer.respond(&done, answer).await)
}

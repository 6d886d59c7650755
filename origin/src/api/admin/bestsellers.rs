//! Bestseller rankings for admins.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::access::Permission::{ReadCatalog, WriteCatalog};
use domain::{CategoryId, ProductId};
use serde::{Deserialize, Serialize};
use store::Catalog;
use store::catalog::Ranking;
use utoipa_axum::routes;

use crate::body;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::query::Query;
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
pub struct RankingBody {
    /// Without it: the ranking of the whole shop.
    #[serde(default)]
    category: Option<CategoryId>,
    #[schema(max_items = 100)]
    products: Vec<ProductId>,
}

/// Which ranking.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RankingQuery {
    /// Without it: the ranking of the whole shop.
    category: Option<CategoryId>,
}

/// Shows a bestseller ranking; it is empty where none was set.
#[utoipa::path(get, path = "/admin/bestsellers", operation_id = "show_bestsellers",
    tag = "admin", security(("admin_key" = [])),
    params(RankingQuery),
    responses((status = 200, description = "The ranking; ETag is its version", body = RankingBody),
        AdminProblems)
)]
pub async fn show(
    State(catalog): State<Catalog>,
    Query(query): Query<RankingQuery>,
) -> Result<Response, Problem> {
    let category = query.category;
    let (version, products) = ranking(&catalog, category).await?;

    Ok(responses::found(version, RankingBody { category, products }))
}

/// Replaces a bestseller ranking. While it is empty, shoppers see featured and new products.
#[utoipa::path(put, path = "/admin/bestsellers", operation_id = "set_bestsellers",
    tag = "admin", security(("admin_key" = [])),
    params(VersionHeader), request_body = RankingBody,
    responses((status = 200, description = "The ranking", body = RankingBody),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn replace(
    State(catalog): State<Catalog>,
    writer: Writer,
    seen: IfMatch,
    body::Json(body): body::Json<RankingBody>,
) -> Result<Response, Problem> {
    let category = body.category;
    if let Some(category) = category
        && catalog.tree().await?.get(category).is_none()
    {
        return Err(Problem::not_found("category"));
    }
    let current = async || Ok(ranking(&catalog, category).await?.0);
    let answer = |ranking: &Ranking| responses::written(StatusCode::OK, ranking.version, &body);
    let by = writer.context(&answer);
    let write = |version| catalog.set_ranking_at(category, version, &body.products, by);
    let done = seen.apply(current, write).await?;

    Ok(writer.respond(&done, answer).await)
}

/// Version, 0 where no ranking was set, and products.
async fn ranking(
    catalog: &Catalog,
    category: Option<CategoryId>,
) -> Result<(u64, Vec<ProductId>), Problem> {
    let found = catalog.rankings().await?.remove(&category);

    Ok(found.map_or((0, Vec::new()), |ranking| (ranking.version, ranking.products)))
}

//! Featured products and bestseller rankings, for admins.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{CategoryId, ProductId};
use serde::{Deserialize, Serialize};
use store::catalog::{FeaturedList, Ranking};

use super::answers::{replacing, sent, shown, written};
use crate::access::Writer;
use crate::body;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::query::Query;
use crate::schema::{AdminProblems, VersionHeader, VersionProblems, WriteProblems};
use crate::shop::{SharedShop, Shop};

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeaturedBody {
    #[schema(max_items = 200)]
    products: Vec<ProductId>,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RankingBody {
    /// Left out: the whole shop's.
    #[serde(default)]
    category: Option<CategoryId>,
    #[schema(max_items = 100)]
    products: Vec<ProductId>,
}

/// Shows the featured list.
#[utoipa::path(get, path = "/admin/featured", tag = "admin", security(("admin_key" = [])),
    responses((status = 200, description = "The list; ETag is its version", body = FeaturedBody),
        AdminProblems)
)]
pub async fn show_featured(State(shop): State<SharedShop>) -> Result<Response, Problem> {
    let list = shop.catalog.featured().await?;

    Ok(shown(list.version, FeaturedBody { products: list.products }))
}

/// Replaces the featured list.
#[utoipa::path(put, path = "/admin/featured", tag = "admin", security(("admin_key" = [])),
    params(VersionHeader), request_body = FeaturedBody,
    responses((status = 200, description = "The list", body = FeaturedBody),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn set_featured(
    State(shop): State<SharedShop>,
    writer: Writer,
    seen: IfMatch,
    body::Json(list): body::Json<FeaturedBody>,
) -> Result<Response, Problem> {
    let current = async || Ok(shop.catalog.featured().await?.version);
    let answer = |list: &FeaturedList| {
        let body = FeaturedBody { products: list.products.clone() };
        written(StatusCode::OK, list.version, &body)
    };
    let by = writer.answering(&answer);
    let write = |version| shop.catalog.set_featured(version, &list.products, by);
    let done = replacing(seen, current, write).await?;

    Ok(sent(&shop, &done, answer).await)
}

/// Whose ranking.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RankingQuery {
    /// Left out: the whole shop's.
    category: Option<CategoryId>,
}

/// Shows a bestseller ranking; an empty one stands for none.
#[utoipa::path(get, path = "/admin/bestsellers", tag = "admin", security(("admin_key" = [])),
    params(RankingQuery),
    responses((status = 200, description = "The ranking; ETag is its version", body = RankingBody),
        AdminProblems)
)]
pub async fn show_bestsellers(
    State(shop): State<SharedShop>,
    Query(query): Query<RankingQuery>,
) -> Result<Response, Problem> {
    let category = query.category;
    let ranking = ranking(&shop, category).await?;

    Ok(shown(ranking.0, RankingBody { category, products: ranking.1 }))
}

/// Replaces a bestseller ranking. While it is empty, shoppers see what is featured and new.
#[utoipa::path(put, path = "/admin/bestsellers", tag = "admin", security(("admin_key" = [])),
    params(VersionHeader), request_body = RankingBody,
    responses((status = 200, description = "The ranking", body = RankingBody),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn set_bestsellers(
    State(shop): State<SharedShop>,
    writer: Writer,
    seen: IfMatch,
    body::Json(body): body::Json<RankingBody>,
) -> Result<Response, Problem> {
    let category = body.category;
    if let Some(category) = category
        && shop.catalog.tree().await?.get(category).is_none()
    {
        return Err(Problem::not_found("category"));
    }
    let current = async || Ok(ranking(&shop, category).await?.0);
    let answer = |ranking: &Ranking| written(StatusCode::OK, ranking.version, &body);
    let (catalog, by) = (&shop.catalog, writer.answering(&answer));
    let write = |version| catalog.set_ranking_at(category, version, &body.products, by);
    let done = replacing(seen, current, write).await?;

    Ok(sent(&shop, &done, answer).await)
}

/// Its version, 0 for none, and its products.
async fn ranking(
    shop: &Shop,
    category: Option<CategoryId>,
) -> Result<(u64, Vec<ProductId>), Problem> {
    let found = shop.catalog.rankings().await?.remove(&category);

    Ok(found.map_or((0, Vec::new()), |ranking| (ranking.version, ranking.products)))
}

//! Featured products and bestseller rankings, for admins.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{CategoryId, ProductId};
use serde::{Deserialize, Serialize};

use super::answers::{shown, written};
use crate::access::Admin;
use crate::body;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::schema::{AdminProblems, VersionHeader, VersionProblems, WriteProblems};
use crate::shop::SharedShop;

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
    admin: Admin,
    seen: IfMatch,
    body::Json(list): body::Json<FeaturedBody>,
) -> Result<Response, Problem> {
    let version = match seen {
        IfMatch::Version(version) => version,
        IfMatch::Any => shop.catalog.featured().await?.version,
    };
    let done = shop.catalog.set_featured(version, &list.products, &admin.actor).await?;
    let body = FeaturedBody { products: done.value.products.clone() };

    Ok(written(&shop, StatusCode::OK, &done, Some(done.value.version), body).await)
}

/// Puts a bestseller ranking in place.
#[utoipa::path(put, path = "/admin/bestsellers", tag = "admin", security(("admin_key" = [])),
    request_body = RankingBody,
    responses((status = 200, description = "The ranking", body = RankingBody),
        AdminProblems, WriteProblems)
)]
pub async fn set_bestsellers(
    State(shop): State<SharedShop>,
    admin: Admin,
    body::Json(ranking): body::Json<RankingBody>,
) -> Result<Response, Problem> {
    let category = ranking.category;
    if let Some(category) = category
        && shop.catalog.tree().await?.get(category).is_none()
    {
        return Err(Problem::not_found("category"));
    }
    let done = shop.catalog.set_ranking(category, &ranking.products, &admin.actor).await?;

    Ok(written(&shop, StatusCode::OK, &done, Some(done.value.version), ranking).await)
}

//! Products, for admins: drafts too.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::draft::{ProductDraft, ProductPatch};
use domain::query::Q_MAX;
use domain::{CatalogProduct, ProductId, Status};
use serde::Deserialize;

use super::answers::{created, gone, id, replacing, sent, shown, written};
use super::paging::{self, out_of_range, page_size};
use super::views::{AdminProduct, Listed};
use crate::access::Writer;
use crate::body;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::query::Query;
use crate::schema::{AdminProblems, VersionHeader, VersionProblems, WriteProblems};
use crate::shop::{SharedShop, Shop};

/// As many as one batch read takes.
const PAGE_MAX: usize = 100;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ProductsQuery {
    status: Option<Status>,
    /// Words to look for, as shoppers would.
    #[param(max_length = 64)]
    q: Option<String>,
    /// Where a page before ended.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<usize>,
}

/// Lists products, the newest first.
#[utoipa::path(get, path = "/admin/products", tag = "admin", security(("admin_key" = [])),
    params(ProductsQuery),
    responses((status = 200, description = "A page of products", body = Listed<AdminProduct>),
        AdminProblems)
)]
pub async fn list_products(
    State(shop): State<SharedShop>,
    Query(query): Query<ProductsQuery>,
) -> Result<Json<Listed<AdminProduct>>, Problem> {
    let limit = page_size(query.limit, PAGE_MAX)?;
    let words = query.q.as_deref().filter(|q| !q.trim().is_empty());
    if words.is_some_and(|q| q.chars().count() > Q_MAX) {
        return Err(out_of_range("?q", format!("q has at most {Q_MAX} characters")));
    }
    let list = format!("products/{:?}/{}", query.status, words.unwrap_or_default());
    let after = paging::place::<ProductId>(&list, query.cursor.as_deref())?;
    let page = shop.snapshot().admin_list(query.status, words, after, limit);
    let ids: Vec<_> = page.cards.iter().map(search::Card::id).collect();
    let products = shop.catalog.products(&ids).await?;

    Ok(Json(Listed {
        data: products.into_iter().flatten().map(AdminProduct::from).collect(),
        next_cursor: page.next.map(|id| paging::cursor(&list, id)),
    }))
}

/// Shows a product with everything that is stored of it.
#[utoipa::path(get, path = "/admin/products/{product}", tag = "admin",
    security(("admin_key" = [])), params(("product" = ProductId, Path)),
    responses((status = 200, description = "The product; ETag is its version", body = AdminProduct),
        AdminProblems)
)]
pub async fn show_product(
    State(shop): State<SharedShop>,
    Path(product): Path<String>,
) -> Result<Response, Problem> {
    let found = shop.catalog.product(id("product", &product)?).await?;
    let found = found.ok_or_else(|| Problem::not_found("product"))?;

    Ok(shown(found.product.version, AdminProduct::from(found)))
}

/// Creates a product with its variants and their first stock.
#[utoipa::path(post, path = "/admin/products", tag = "admin", security(("admin_key" = [])),
    request_body = ProductDraft,
    responses((status = 201, description = "The product", body = AdminProduct),
        AdminProblems, WriteProblems)
)]
pub async fn create_product(
    State(shop): State<SharedShop>,
    writer: Writer,
    body::Json(draft): body::Json<ProductDraft>,
) -> Result<Response, Problem> {
    draft.check(shop.currency).map_err(Problem::invalid_body)?;
    let answer = |product: &CatalogProduct| {
        let location = format!("/admin/products/{}", product.product.id);
        created(product.product.version, location, &AdminProduct::from(product.clone()))
    };
    let done = shop.catalog.create_product(&draft, writer.answering(&answer)).await?;

    Ok(sent(&shop, &done, answer).await)
}

/// Changes a product (merge patch).
#[utoipa::path(patch, path = "/admin/products/{product}", tag = "admin",
    security(("admin_key" = [])), request_body = ProductPatch,
    params(("product" = ProductId, Path), VersionHeader),
    responses((status = 200, description = "The product", body = AdminProduct),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn update_product(
    State(shop): State<SharedShop>,
    Path(product): Path<String>,
    writer: Writer,
    seen: IfMatch,
    body::Json(patch): body::Json<ProductPatch>,
) -> Result<Response, Problem> {
    let product = id("product", &product)?;
    patch.check().map_err(Problem::invalid_body)?;
    let answer = |product: &CatalogProduct| {
        written(StatusCode::OK, product.product.version, &AdminProduct::from(product.clone()))
    };
    let by = writer.answering(&answer);
    let write = |version| shop.catalog.update_product(product, version, &patch, by);
    let done = replacing(seen, || current(&shop, product), write).await?;

    Ok(sent(&shop, &done, answer).await)
}

/// Deletes a product, its variants and their stock.
#[utoipa::path(delete, path = "/admin/products/{product}", tag = "admin",
    security(("admin_key" = [])),
    params(("product" = ProductId, Path), VersionHeader),
    responses((status = 204, description = "It is gone"), AdminProblems, VersionProblems,
        (status = 409, description = "Stock of it is held", body = domain::ProblemBody,
            content_type = "application/problem+json"))
)]
pub async fn delete_product(
    State(shop): State<SharedShop>,
    Path(product): Path<String>,
    writer: Writer,
    seen: IfMatch,
) -> Result<Response, Problem> {
    let product = id("product", &product)?;
    let by = writer.answering(&gone);
    let write = |version| shop.catalog.delete_product(product, version, by);
    let done = replacing(seen, || current(&shop, product), write).await?;

    Ok(sent(&shop, &done, gone).await)
}

/// The version that is there.
pub(super) async fn current(shop: &Shop, product: ProductId) -> Result<u64, Problem> {
    let found = shop.catalog.product(product).await?;

    found.map(|found| found.product.version).ok_or_else(|| Problem::not_found("product"))
}

//! Products for admins, drafts included.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::access::Permission::{ReadCatalog, WriteCatalog};
use domain::draft::{ProductDraft, ProductPatch};
use domain::query::Q_MAX;
use domain::{CatalogProduct, Currency, ProductId, Status};
use serde::Deserialize;
use store::Catalog;
use utoipa_axum::routes;

use super::paging::{self, out_of_range, page_size};
use super::path::id;
use super::views::{AdminProduct, Listed};
use crate::body;
use crate::catalog::Index;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::query::Query;
use crate::responses;
use crate::route::Endpoint;
use crate::schema::{AdminProblems, VersionHeader, VersionProblems, WriteProblems};
use crate::shop::Shop;
use crate::writer::Writer;

/// The most that one batch read takes.
const PAGE_MAX: usize = 100;

pub fn endpoints() -> Vec<Endpoint<Shop>> {
    vec![
        Endpoint::admin(ReadCatalog, routes!(list)),
        Endpoint::admin(WriteCatalog, routes!(create)),
        Endpoint::admin(ReadCatalog, routes!(show)),
        Endpoint::admin(WriteCatalog, routes!(update)),
        Endpoint::admin(WriteCatalog, routes!(remove)),
    ]
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ProductsQuery {
    status: Option<Status>,
    /// Words to search for, as shoppers do.
    #[param(max_length = 64)]
    q: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<usize>,
}

/// Lists products, the newest first.
#[utoipa::path(get, path = "/admin/products", operation_id = "list_products",
    tag = "admin", security(("admin_key" = [])),
    params(ProductsQuery),
    responses((status = 200, description = "A page of products", body = Listed<AdminProduct>),
        AdminProblems)
)]
pub async fn list(
    State(catalog): State<Catalog>,
    State(index): State<Arc<Index>>,
    Query(query): Query<ProductsQuery>,
) -> Result<Json<Listed<AdminProduct>>, Problem> {
    let limit = page_size(query.limit, PAGE_MAX)?;
    let words = query.q.as_deref().filter(|q| !q.trim().is_empty());
    if words.is_some_and(|q| q.chars().count() > Q_MAX) {
        return Err(out_of_range("?q", format!("q has at most {Q_MAX} characters")));
    }
    let list = format!("products/{:?}/{}", query.status, words.unwrap_or_default());
    let after = paging::place::<ProductId>(&list, query.cursor.as_deref())?;
    let page = index.snapshot().admin_list(query.status, words, after, limit);
    let ids: Vec<_> = page.cards.iter().map(search::Card::id).collect();
    let products = catalog.products(&ids).await?;

    Ok(Json(Listed {
        data: products.into_iter().flatten().map(AdminProduct::from).collect(),
        next_cursor: page.next.map(|id| paging::cursor(&list, id)),
    }))
}

/// Shows a product with everything that is stored.
#[utoipa::path(get, path = "/admin/products/{product}", operation_id = "show_product",
    tag = "admin", security(("admin_key" = [])), params(("product" = ProductId, Path)),
    responses((status = 200, description = "The product; ETag is its version", body = AdminProduct),
        AdminProblems)
)]
pub async fn show(
    State(catalog): State<Catalog>,
    Path(product): Path<String>,
) -> Result<Response, Problem> {
    let found = catalog.product(id("product", &product)?).await?;
    let found = found.ok_or_else(|| Problem::not_found("product"))?;

    Ok(responses::found(found.product.version, AdminProduct::from(found)))
}

/// Creates a product with its variants and their first stock.
#[utoipa::path(post, path = "/admin/products", operation_id = "create_product",
    tag = "admin", security(("admin_key" = [])),
    request_body = ProductDraft,
    responses((status = 201, description = "The product", body = AdminProduct),
        AdminProblems, WriteProblems)
)]
pub async fn create(
    State(catalog): State<Catalog>,
    State(currency): State<Currency>,
    writer: Writer,
    body::Json(draft): body::Json<ProductDraft>,
) -> Result<Response, Problem> {
    draft.check(currency).map_err(Problem::invalid_body)?;
    let answer = |product: &CatalogProduct| {
        let location = format!("/admin/products/{}", product.product.id);
        responses::created(product.product.version, location, &AdminProduct::from(product.clone()))
    };
    let done = catalog.create_product(&draft, writer.context(&answer)).await?;

    Ok(writer.respond(&done, answer).await)
}

/// Changes a product (merge patch).
#[utoipa::path(patch, path = "/admin/products/{product}", operation_id = "update_product",
    tag = "admin", security(("admin_key" = [])), request_body = ProductPatch,
    params(("product" = ProductId, Path), VersionHeader),
    responses((status = 200, description = "The product", body = AdminProduct),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn update(
    State(catalog): State<Catalog>,
    Path(product): Path<String>,
    writer: Writer,
    seen: IfMatch,
    body::Json(patch): body::Json<ProductPatch>,
) -> Result<Response, Problem> {
    let product = id("product", &product)?;
    patch.check().map_err(Problem::invalid_body)?;
    let answer = |product: &CatalogProduct| {
        responses::written(
            StatusCode::OK,
            product.product.version,
            &AdminProduct::from(product.clone()),
        )
    };
    let by = writer.context(&answer);
    let write = |version| catalog.update_product(product, version, &patch, by);
    let done = seen.apply(|| current(&catalog, product), write).await?;

    Ok(writer.respond(&done, answer).await)
}

/// Deletes a product, its variants and their stock.
#[utoipa::path(delete, path = "/admin/products/{product}", operation_id = "delete_product",
    tag = "admin", security(("admin_key" = [])),
    params(("product" = ProductId, Path), VersionHeader),
    responses((status = 204, description = "The product was deleted"), AdminProblems, VersionProblems,
        (status = 409, description = "Stock of the product is held", body = domain::ProblemBody,
            content_type = "application/problem+json"))
)]
pub async fn remove(
    State(catalog): State<Catalog>,
    Path(product): Path<String>,
    writer: Writer,
    seen: IfMatch,
) -> Result<Response, Problem> {
    let product = id("product", &product)?;
    let by = writer.context(&responses::deleted);
    let write = |version| catalog.delete_product(product, version, by);
    let done = seen.apply(|| current(&catalog, product), write).await?;

    Ok(writer.respond(&done, responses::deleted).await)
}

/// The current version.
pub(super) async fn current(catalog: &Catalog, product: ProductId) -> Result<u64, Problem> {
    let found = catalog.product(product).await?;

    found.map(|found| found.product.version).ok_or_else(|| Problem::not_found("product"))
}

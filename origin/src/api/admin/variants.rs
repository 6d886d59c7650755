//! Variants for admins, with their prices.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::access::Permission::{ReadCatalog, WriteCatalog};
use domain::draft::{VariantDraft, VariantPatch};
use domain::{Currency, Variant, VariantId};
use store::Catalog;
use utoipa_axum::routes;

use super::path::id;
use super::products;
use super::views::AdminVariant;
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
        Endpoint::admin(WriteCatalog, routes!(create)),
        Endpoint::admin(ReadCatalog, routes!(show)),
        Endpoint::admin(WriteCatalog, routes!(update)),
        Endpoint::admin(WriteCatalog, routes!(remove)),
    ]
}

/// Shows a variant.
#[utoipa::path(get, path = "/admin/variants/{variant}", operation_id = "show_variant",
    tag = "admin", security(("admin_key" = [])), params(("variant" = VariantId, Path)),
    responses((status = 200, description = "The variant; ETag is its version", body = AdminVariant),
        AdminProblems)
)]
pub async fn show(
    State(catalog): State<Catalog>,
    Path(variant): Path<String>,
) -> Result<Response, Problem> {
    let found = catalog.variant(id("variant", &variant)?).await?;
    let (_, variant) = found.ok_or_else(|| Problem::not_found("variant"))?;

    Ok(responses::found(variant.version, AdminVariant::from(variant)))
}

/// Adds a variant to a product; If-Match is the version of the product.
#[utoipa::path(post, path = "/admin/products/{product}/variants", operation_id = "add_variant",
    tag = "admin", security(("admin_key" = [])), request_body = VariantDraft,
    params(("product" = domain::ProductId, Path), VersionHeader),
    responses((status = 201, description = "The variant", body = AdminVariant),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn create(
    State(catalog): State<Catalog>,
    State(currency): State<Currency>,
    Path(product): Path<String>,
    writer: Writer,
    seen: IfMatch,
    body::Json(draft): body::Json<VariantDraft>,
) -> Result<Response, Problem> {
    let product = id("product", &product)?;
    draft.check(currency).map_err(Problem::invalid_body)?;
    let answer = |variant: &Variant| {
        let location = format!("/admin/variants/{}", variant.id);
        responses::created(variant.version, location, &AdminVariant::from(variant.clone()))
    };
    let by = writer.context(&answer);
    let write = |version| catalog.add_variant(product, version, &draft, by);
    let done = seen.apply(|| products::current(&catalog, product), write).await?;

    Ok(writer.respond(&done, answer).await)
}

/// Changes a variant (merge patch): its price, the price to compare it with, its options.
#[utoipa::path(patch, path = "/admin/variants/{variant}", operation_id = "update_variant",
    tag = "admin", security(("admin_key" = [])), request_body = VariantPatch,
    params(("variant" = VariantId, Path), VersionHeader),
    responses((status = 200, description = "The variant", body = AdminVariant),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn update(
    State(catalog): State<Catalog>,
    State(currency): State<Currency>,
    Path(variant): Path<String>,
    writer: Writer,
    seen: IfMatch,
    body::Json(patch): body::Json<VariantPatch>,
) -> Result<Response, Problem> {
    let variant = id("variant", &variant)?;
    let answer = |variant: &Variant| {
        responses::written(StatusCode::OK, variant.version, &AdminVariant::from(variant.clone()))
    };
    let by = writer.context(&answer);
    let write = |version| catalog.update_variant(variant, version, &patch, currency, by);
    let done = seen.apply(|| current(&catalog, variant), write).await?;

    Ok(writer.respond(&done, answer).await)
}

/// Deletes a variant; the last one of a product stays.
#[utoipa::path(delete, path = "/admin/variants/{variant}", operation_id = "delete_variant",
    tag = "admin", security(("admin_key" = [])),
    params(("variant" = VariantId, Path), VersionHeader),
    responses((status = 204, description = "The variant was deleted"), AdminProblems, VersionProblems,
        (status = 409, description = "The variant is the last one, or stock of it is held",
            body = domain::ProblemBody, content_type = "application/problem+json"))
)]
pub async fn remove(
    State(catalog): State<Catalog>,
    Path(variant): Path<String>,
    writer: Writer,
    seen: IfMatch,
) -> Result<Response, Problem> {
    let variant = id("variant", &variant)?;
    let by = writer.context(&responses::deleted);
    let write = |version| catalog.delete_variant(variant, version, by);
    let done = seen.apply(|| current(&catalog, variant), write).await?;

    Ok(writer.respond(&done, responses::deleted).await)
}

/// The current version.
pub(super) async fn current(catalog: &Catalog, variant: VariantId) -> Result<u64, Problem> {
    let found = catalog.variant(variant).await?;

    found.map(|(_, variant)| variant.version).ok_or_else(|| Problem::not_found("variant"))
}

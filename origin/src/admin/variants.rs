//! Variants, for admins: where prices are.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::draft::{VariantDraft, VariantPatch};
use domain::{Variant, VariantId};

use super::answers::{created, gone, id, replacing, sent, shown, written};
use super::products;
use super::views::AdminVariant;
use crate::access::Writer;
use crate::body;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::schema::{AdminProblems, VersionHeader, VersionProblems, WriteProblems};
use crate::shop::{SharedShop, Shop};

/// Shows a variant.
#[utoipa::path(get, path = "/admin/variants/{variant}", tag = "admin",
    security(("admin_key" = [])), params(("variant" = VariantId, Path)),
    responses((status = 200, description = "The variant; ETag is its version", body = AdminVariant),
        AdminProblems)
)]
pub async fn show_variant(
    State(shop): State<SharedShop>,
    Path(variant): Path<String>,
) -> Result<Response, Problem> {
    let found = shop.catalog.variant(id("variant", &variant)?).await?;
    let (_, variant) = found.ok_or_else(|| Problem::not_found("variant"))?;

    Ok(shown(variant.version, AdminVariant::from(variant)))
}

/// Adds a variant to a product; If-Match names the product's version.
#[utoipa::path(post, path = "/admin/products/{product}/variants", tag = "admin",
    security(("admin_key" = [])), request_body = VariantDraft,
    params(("product" = domain::ProductId, Path), VersionHeader),
    responses((status = 201, description = "The variant", body = AdminVariant),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn add_variant(
    State(shop): State<SharedShop>,
    Path(product): Path<String>,
    writer: Writer,
    seen: IfMatch,
    body::Json(draft): body::Json<VariantDraft>,
) -> Result<Response, Problem> {
    let product = id("product", &product)?;
    draft.check(shop.currency).map_err(Problem::invalid_body)?;
    let answer = |variant: &Variant| {
        let location = format!("/admin/variants/{}", variant.id);
        created(variant.version, location, &AdminVariant::from(variant.clone()))
    };
    let by = writer.answering(&answer);
    let write = |version| shop.catalog.add_variant(product, version, &draft, by);
    let done = replacing(seen, || products::current(&shop, product), write).await?;

    Ok(sent(&shop, &done, answer).await)
}

/// Changes a variant (merge patch): its price, what it was before, its options.
#[utoipa::path(patch, path = "/admin/variants/{variant}", tag = "admin",
    security(("admin_key" = [])), request_body = VariantPatch,
    params(("variant" = VariantId, Path), VersionHeader),
    responses((status = 200, description = "The variant", body = AdminVariant),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn update_variant(
    State(shop): State<SharedShop>,
    Path(variant): Path<String>,
    writer: Writer,
    seen: IfMatch,
    body::Json(patch): body::Json<VariantPatch>,
) -> Result<Response, Problem> {
    let variant = id("variant", &variant)?;
    let answer = |variant: &Variant| {
        written(StatusCode::OK, variant.version, &AdminVariant::from(variant.clone()))
    };
    let (catalog, by) = (&shop.catalog, writer.answering(&answer));
    let write = |version| catalog.update_variant(variant, version, &patch, shop.currency, by);
    let done = replacing(seen, || current(&shop, variant), write).await?;

    Ok(sent(&shop, &done, answer).await)
}

/// Deletes a variant; the last one of a product stays.
#[utoipa::path(delete, path = "/admin/variants/{variant}", tag = "admin",
    security(("admin_key" = [])),
    params(("variant" = VariantId, Path), VersionHeader),
    responses((status = 204, description = "It is gone"), AdminProblems, VersionProblems,
        (status = 409, description = "It is the last one, or stock of it is held",
            body = domain::ProblemBody, content_type = "application/problem+json"))
)]
pub async fn delete_variant(
    State(shop): State<SharedShop>,
    Path(variant): Path<String>,
    writer: Writer,
    seen: IfMatch,
) -> Result<Response, Problem> {
    let variant = id("variant", &variant)?;
    let by = writer.answering(&gone);
    let write = |version| shop.catalog.delete_variant(variant, version, by);
    let done = replacing(seen, || current(&shop, variant), write).await?;

    Ok(sent(&shop, &done, gone).await)
}

/// The version that is there.
pub(super) async fn current(shop: &Shop, variant: VariantId) -> Result<u64, Problem> {
    let found = shop.catalog.variant(variant).await?;

    found.map(|(_, variant)| variant.version).ok_or_else(|| Problem::not_found("variant"))
}

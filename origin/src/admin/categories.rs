//! Categories, for admins.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::draft::{CategoryDraft, CategoryPatch};
use domain::{Category, CategoryId};
use store::{Committed, StoreError, WriteContext};

use super::answers::{created, gone, id, replacing, sent, shown, written};
use super::views::{AdminCategory, Listed};
use crate::access::Writer;
use crate::body;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::schema::{AdminProblems, VersionHeader, VersionProblems, WriteProblems};
use crate::shop::{SharedShop, Shop};

/// Writers that keep the log moving may hold a deletion up so often.
const TRIES: usize = 5;

/// Lists all categories.
#[utoipa::path(get, path = "/admin/categories", tag = "admin", security(("admin_key" = [])),
    responses((status = 200, description = "All of them", body = Listed<AdminCategory>),
        AdminProblems)
)]
pub async fn list_categories(
    State(shop): State<SharedShop>,
) -> Result<Json<Listed<AdminCategory>>, Problem> {
    let tree = shop.catalog.tree().await?;
    let mut data: Vec<_> = tree.iter().cloned().map(AdminCategory::from).collect();
    data.sort_by_key(|category| category.id);

    Ok(Json(Listed { data, next_cursor: None }))
}

/// Shows a category.
#[utoipa::path(get, path = "/admin/categories/{category}", tag = "admin",
    security(("admin_key" = [])), params(("category" = CategoryId, Path)),
    responses((status = 200, description = "The category", body = AdminCategory), AdminProblems)
)]
pub async fn show_category(
    State(shop): State<SharedShop>,
    Path(category): Path<String>,
) -> Result<Response, Problem> {
    let tree = shop.catalog.tree().await?;
    let found = tree.get(id("category", &category)?);
    let found = found.cloned().ok_or_else(|| Problem::not_found("category"))?;

    Ok(shown(found.version, AdminCategory::from(found)))
}

/// Creates a category.
#[utoipa::path(post, path = "/admin/categories", tag = "admin", security(("admin_key" = [])),
    request_body = CategoryDraft,
    responses((status = 201, description = "The category", body = AdminCategory),
        AdminProblems, WriteProblems)
)]
pub async fn create_category(
    State(shop): State<SharedShop>,
    writer: Writer,
    body::Json(draft): body::Json<CategoryDraft>,
) -> Result<Response, Problem> {
    draft.check().map_err(Problem::invalid_body)?;
    let answer = |category: &Category| {
        let location = format!("/admin/categories/{}", category.id);
        created(category.version, location, &AdminCategory::from(category.clone()))
    };
    let done = shop.catalog.create_category(&draft, writer.answering(&answer)).await?;

    Ok(sent(&shop, &done, answer).await)
}

/// Changes a category (merge patch): its name, slug, place in the tree.
#[utoipa::path(patch, path = "/admin/categories/{category}", tag = "admin",
    security(("admin_key" = [])), request_body = CategoryPatch,
    params(("category" = CategoryId, Path), VersionHeader),
    responses((status = 200, description = "The category", body = AdminCategory),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn update_category(
    State(shop): State<SharedShop>,
    Path(category): Path<String>,
    writer: Writer,
    seen: IfMatch,
    body::Json(patch): body::Json<CategoryPatch>,
) -> Result<Response, Problem> {
    let category = id("category", &category)?;
    patch.check().map_err(Problem::invalid_body)?;
    let answer = |category: &Category| {
        written(StatusCode::OK, category.version, &AdminCategory::from(category.clone()))
    };
    let by = writer.answering(&answer);
    let write = |version| shop.catalog.update_category(category, version, &patch, by);
    let done = replacing(seen, || current(&shop, category), write).await?;

    Ok(sent(&shop, &done, answer).await)
}

/// Deletes a category that nothing is in.
#[utoipa::path(delete, path = "/admin/categories/{category}", tag = "admin",
    security(("admin_key" = [])),
    params(("category" = CategoryId, Path), VersionHeader),
    responses((status = 204, description = "It is gone"), AdminProblems, VersionProblems,
        (status = 409, description = "Something is in it", body = domain::ProblemBody,
            content_type = "application/problem+json"))
)]
pub async fn delete_category(
    State(shop): State<SharedShop>,
    Path(category): Path<String>,
    writer: Writer,
    seen: IfMatch,
) -> Result<Response, Problem> {
    let category = id("category", &category)?;
    let by = writer.answering(&gone);
    let write = |version| delete_empty(&shop, category, version, by);
    let done = replacing(seen, || current(&shop, category), write).await?;

    Ok(sent(&shop, &done, gone).await)
}

/// What is in it is known of a moment of the log; the deletion commits only if nothing was written
/// since.
async fn delete_empty(
    shop: &Shop,
    category: CategoryId,
    version: u64,
    by: WriteContext<'_, ()>,
) -> Result<Committed<()>, StoreError> {
    for _ in 0..TRIES {
        let head = shop.catalog.log().head().await?;
        shop.follower.reach(head.head, std::time::Duration::from_secs(1)).await;
        let snapshot = shop.snapshot();
        if snapshot.holds_products(category) {
            return Err(StoreError::InUse("there are products in it".into()));
        }
        let empty_at = snapshot.stamp().seq;
        match shop.catalog.delete_category(category, version, empty_at, by).await {
            Err(StoreError::Busy) => {}
            answer => return answer,
        }
    }
    Err(StoreError::Busy)
}

/// The version that is there.
async fn current(shop: &Shop, category: CategoryId) -> Result<u64, Problem> {
    let tree = shop.catalog.tree().await?;
    let found = tree.get(category);

    found.map(|category| category.version).ok_or_else(|| Problem::not_found("category"))
}

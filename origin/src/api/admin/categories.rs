//! Categories for admins.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use cache::Follower;
use domain::access::Permission::{ReadCatalog, WriteCatalog};
use domain::draft::{CategoryDraft, CategoryPatch};
use domain::{Category, CategoryId};
use store::{Catalog, Committed, StoreError, WriteContext};
use utoipa_axum::routes;

use super::path::id;
use super::views::{AdminCategory, Listed};
use crate::body;
use crate::catalog::Index;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::responses;
use crate::route::Endpoint;
use crate::schema::{AdminProblems, VersionHeader, VersionProblems, WriteProblems};
use crate::shop::Shop;
use crate::writer::Writer;

/// How often a deletion is tried while other writers keep moving the change log.
const ATTEMPTS_MAX: usize = 5;
/// How long an attempt waits for the lists of this process to reach the head of the log.
const REACH_WITHIN: Duration = Duration::from_secs(1);

pub fn endpoints() -> Vec<Endpoint<Shop>> {
    vec![
        Endpoint::admin(ReadCatalog, routes!(list)),
        Endpoint::admin(WriteCatalog, routes!(create)),
        Endpoint::admin(ReadCatalog, routes!(show)),
        Endpoint::admin(WriteCatalog, routes!(update)),
        Endpoint::admin(WriteCatalog, routes!(remove)),
    ]
}

/// Lists all categories.
#[utoipa::path(get, path = "/admin/categories", operation_id = "list_categories",
    tag = "admin", security(("admin_key" = [])),
    responses((status = 200, description = "All categories", body = Listed<AdminCategory>),
        AdminProblems)
)]
pub async fn list(State(catalog): State<Catalog>) -> Result<Json<Listed<AdminCategory>>, Problem> {
    let tree = catalog.tree().await?;
    let mut data: Vec<_> = tree.iter().cloned().map(AdminCategory::from).collect();
    data.sort_by_key(|category| category.id);

    Ok(Json(Listed { data, next_cursor: None }))
}

/// Shows a category.
#[utoipa::path(get, path = "/admin/categories/{category}", operation_id = "show_category",
    tag = "admin", security(("admin_key" = [])), params(("category" = CategoryId, Path)),
    responses((status = 200, description = "The category", body = AdminCategory), AdminProblems)
)]
pub async fn show(
    State(catalog): State<Catalog>,
    Path(category): Path<String>,
) -> Result<Response, Problem> {
    let tree = catalog.tree().await?;
    let found = tree.get(id("category", &category)?);
    let found = found.cloned().ok_or_else(|| Problem::not_found("category"))?;

    Ok(responses::found(found.version, AdminCategory::from(found)))
}

/// Creates a category.
#[utoipa::path(post, path = "/admin/categories", operation_id = "create_category",
    tag = "admin", security(("admin_key" = [])),
    request_body = CategoryDraft,
    responses((status = 201, description = "The category", body = AdminCategory),
        AdminProblems, WriteProblems)
)]
pub async fn create(
    State(catalog): State<Catalog>,
    writer: Writer,
    body::Json(draft): body::Json<CategoryDraft>,
) -> Result<Response, Problem> {
    draft.check().map_err(Problem::invalid_body)?;
    let answer = |category: &Category| {
        let location = format!("/admin/categories/{}", category.id);
        responses::created(category.version, location, &AdminCategory::from(category.clone()))
    };
    let done = catalog.create_category(&draft, writer.context(&answer)).await?;

    Ok(writer.respond(&done, answer).await)
}

/// Changes a category (merge patch): its name, its slug, its place in the tree.
#[utoipa::path(patch, path = "/admin/categories/{category}", operation_id = "update_category",
    tag = "admin", security(("admin_key" = [])), request_body = CategoryPatch,
    params(("category" = CategoryId, Path), VersionHeader),
    responses((status = 200, description = "The category", body = AdminCategory),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn update(
    State(catalog): State<Catalog>,
    Path(category): Path<String>,
    writer: Writer,
    seen: IfMatch,
    body::Json(patch): body::Json<CategoryPatch>,
) -> Result<Response, Problem> {
    let category = id("category", &category)?;
    patch.check().map_err(Problem::invalid_body)?;
    let answer = |category: &Category| {
        responses::written(StatusCode::OK, category.version, &AdminCategory::from(category.clone()))
    };
    let by = writer.context(&answer);
    let write = |version| catalog.update_category(category, version, &patch, by);
    let done = seen.apply(|| current(&catalog, category), write).await?;

    Ok(writer.respond(&done, answer).await)
}

/// Deletes an empty category.
#[utoipa::path(delete, path = "/admin/categories/{category}", operation_id = "delete_category",
    tag = "admin", security(("admin_key" = [])),
    params(("category" = CategoryId, Path), VersionHeader),
    responses((status = 204, description = "The category was deleted"), AdminProblems, VersionProblems,
        (status = 409, description = "The category has products or categories", body = domain::ProblemBody,
            content_type = "application/problem+json"))
)]
pub async fn remove(
    State(catalog): State<Catalog>,
    State(index): State<Arc<Index>>,
    State(follower): State<Follower>,
    Path(category): Path<String>,
    writer: Writer,
    seen: IfMatch,
) -> Result<Response, Problem> {
    let category = id("category", &category)?;
    let by = writer.context(&responses::deleted);
    let deletion = Deletion { catalog: &catalog, index: &index, follower: &follower, category };
    let write = |version| deletion.commit(version, by);
    let done = seen.apply(|| current(&catalog, category), write).await?;

    Ok(writer.respond(&done, responses::deleted).await)
}

struct Deletion<'a> {
    catalog: &'a Catalog,
    index: &'a Index,
    follower: &'a Follower,
    category: CategoryId,
}

impl Deletion<'_> {
    /// The index shows at a position of the log that the category has no products; the deletion
    /// commits only if nothing was written after that position.
    async fn commit(
        &self,
        version: u64,
        by: WriteContext<'_, ()>,
    ) -> Result<Committed<()>, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let head = self.catalog.log().head().await?;
            self.follower.reach(head.head, REACH_WITHIN).await;
            let snapshot = self.index.snapshot();
            if snapshot.holds_products(self.category) {
                return Err(StoreError::InUse("there are products in it".into()));
            }
            let empty_at = snapshot.stamp().seq;
            match self.catalog.delete_category(self.category, version, empty_at, by).await {
                Err(StoreError::Busy) => {}
                done => return done,
            }
        }
        Err(StoreError::Busy)
    }
}

/// The current version.
async fn current(catalog: &Catalog, category: CategoryId) -> Result<u64, Problem> {
    let tree = catalog.tree().await?;
    let found = tree.get(category);

    found.map(|category| category.version).ok_or_else(|| Problem::not_found("category"))
}

//! Collections, for admins.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::draft::{CollectionDraft, CollectionPatch};
use domain::{Collection, CollectionId, Ref};

use super::answers::{created, gone, id, replacing, sent, shown, written};
use super::views::{AdminCollection, Listed};
use crate::access::Writer;
use crate::body;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::schema::{AdminProblems, VersionHeader, VersionProblems, WriteProblems};
use crate::shop::{SharedShop, Shop};

/// Lists all collections.
#[utoipa::path(get, path = "/admin/collections", tag = "admin", security(("admin_key" = [])),
    responses((status = 200, description = "All of them", body = Listed<AdminCollection>),
        AdminProblems)
)]
pub async fn list_collections(
    State(shop): State<SharedShop>,
) -> Result<Json<Listed<AdminCollection>>, Problem> {
    let found = shop.catalog.collections().await?;
    let data = found.into_iter().map(AdminCollection::from).collect();

    Ok(Json(Listed { data, next_cursor: None }))
}

/// Shows a collection.
#[utoipa::path(get, path = "/admin/collections/{collection}", tag = "admin",
    security(("admin_key" = [])), params(("collection" = CollectionId, Path)),
    responses((status = 200, description = "The collection", body = AdminCollection),
        AdminProblems)
)]
pub async fn show_collection(
    State(shop): State<SharedShop>,
    Path(collection): Path<String>,
) -> Result<Response, Problem> {
    let found = find(&shop, id("collection", &collection)?).await?;

    Ok(shown(found.version, AdminCollection::from(found)))
}

/// Creates a collection, by hand or by rule.
#[utoipa::path(post, path = "/admin/collections", tag = "admin", security(("admin_key" = [])),
    request_body = CollectionDraft,
    responses((status = 201, description = "The collection", body = AdminCollection),
        AdminProblems, WriteProblems)
)]
pub async fn create_collection(
    State(shop): State<SharedShop>,
    writer: Writer,
    body::Json(draft): body::Json<CollectionDraft>,
) -> Result<Response, Problem> {
    draft.check().map_err(Problem::invalid_body)?;
    let answer = |collection: &Collection| {
        let location = format!("/admin/collections/{}", collection.id);
        created(collection.version, location, &AdminCollection::from(collection.clone()))
    };
    let done = shop.catalog.create_collection(&draft, writer.answering(&answer)).await?;

    Ok(sent(&shop, &done, answer).await)
}

/// Changes a collection (merge patch).
#[utoipa::path(patch, path = "/admin/collections/{collection}", tag = "admin",
    security(("admin_key" = [])), request_body = CollectionPatch,
    params(("collection" = CollectionId, Path), VersionHeader),
    responses((status = 200, description = "The collection", body = AdminCollection),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn update_collection(
    State(shop): State<SharedShop>,
    Path(collection): Path<String>,
    writer: Writer,
    seen: IfMatch,
    body::Json(patch): body::Json<CollectionPatch>,
) -> Result<Response, Problem> {
    let collection = id("collection", &collection)?;
    patch.check().map_err(Problem::invalid_body)?;
    let answer = |collection: &Collection| {
        written(StatusCode::OK, collection.version, &AdminCollection::from(collection.clone()))
    };
    let by = writer.answering(&answer);
    let write = |version| shop.catalog.update_collection(collection, version, &patch, by);
    let done = replacing(seen, || current(&shop, collection), write).await?;

    Ok(sent(&shop, &done, answer).await)
}

/// Deletes a collection; its products stay.
#[utoipa::path(delete, path = "/admin/collections/{collection}", tag = "admin",
    security(("admin_key" = [])),
    params(("collection" = CollectionId, Path), VersionHeader),
    responses((status = 204, description = "It is gone"), AdminProblems, VersionProblems)
)]
pub async fn delete_collection(
    State(shop): State<SharedShop>,
    Path(collection): Path<String>,
    writer: Writer,
    seen: IfMatch,
) -> Result<Response, Problem> {
    let collection = id("collection", &collection)?;
    let by = writer.answering(&gone);
    let write = |version| shop.catalog.delete_collection(collection, version, by);
    let done = replacing(seen, || current(&shop, collection), write).await?;

    Ok(sent(&shop, &done, gone).await)
}

async fn find(shop: &Shop, collection: CollectionId) -> Result<Collection, Problem> {
    let found = shop.catalog.find_collection(&Ref::Id(collection)).await?;

    found.ok_or_else(|| Problem::not_found("collection"))
}

/// The version that is there.
async fn current(shop: &Shop, collection: CollectionId) -> Result<u64, Problem> {
    Ok(find(shop, collection).await?.version)
}

//! Collections for admins.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::access::Permission::{ReadCatalog, WriteCatalog};
use domain::draft::{CollectionDraft, CollectionPatch};
use domain::{Collection, CollectionId, Ref};
use store::Catalog;
use utoipa_axum::routes;

use super::path::id;
use super::views::{AdminCollection, Listed};
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
        Endpoint::admin(ReadCatalog, routes!(list)),
        Endpoint::admin(WriteCatalog, routes!(create)),
        Endpoint::admin(ReadCatalog, routes!(show)),
        Endpoint::admin(WriteCatalog, routes!(update)),
        Endpoint::admin(WriteCatalog, routes!(remove)),
    ]
}

/// Lists all collections.
#[utoipa::path(get, path = "/admin/collections", operation_id = "list_collections",
    tag = "admin", security(("admin_key" = [])),
    responses((status = 200, description = "All collections", body = Listed<AdminCollection>),
        AdminProblems)
)]
pub async fn list(
    State(catalog): State<Catalog>,
) -> Result<Json<Listed<AdminCollection>>, Problem> {
    let found = catalog.collections().await?;
    let data = found.into_iter().map(AdminCollection::from).collect();

    Ok(Json(Listed { data, next_cursor: None }))
}

/// Shows a collection.
#[utoipa::path(get, path = "/admin/collections/{collection}", operation_id = "show_collection",
    tag = "admin", security(("admin_key" = [])), params(("collection" = CollectionId, Path)),
    responses((status = 200, description = "The collection", body = AdminCollection),
        AdminProblems)
)]
pub async fn show(
    State(catalog): State<Catalog>,
    Path(collection): Path<String>,
) -> Result<Response, Problem> {
    let found = find(&catalog, id("collection", &collection)?).await?;

    Ok(responses::found(found.version, AdminCollection::from(found)))
}

/// Creates a collection, of chosen products or by a rule.
#[utoipa::path(post, path = "/admin/collections", operation_id = "create_collection",
    tag = "admin", security(("admin_key" = [])),
    request_body = CollectionDraft,
    responses((status = 201, description = "The collection", body = AdminCollection),
        AdminProblems, WriteProblems)
)]
pub async fn create(
    State(catalog): State<Catalog>,
    writer: Writer,
    body::Json(draft): body::Json<CollectionDraft>,
) -> Result<Response, Problem> {
    draft.check().map_err(Problem::invalid_body)?;
    let answer = |collection: &Collection| {
        let location = format!("/admin/collections/{}", collection.id);
        responses::created(collection.version, location, &AdminCollection::from(collection.clone()))
    };
    let done = catalog.create_collection(&draft, writer.context(&answer)).await?;

    Ok(writer.respond(&done, answer).await)
}

/// Changes a collection (merge patch).
#[utoipa::path(patch, path = "/admin/collections/{collection}", operation_id = "update_collection",
    tag = "admin", security(("admin_key" = [])), request_body = CollectionPatch,
    params(("collection" = CollectionId, Path), VersionHeader),
    responses((status = 200, description = "The collection", body = AdminCollection),
        AdminProblems, WriteProblems, VersionProblems)
)]
pub async fn update(
    State(catalog): State<Catalog>,
    Path(collection): Path<String>,
    writer: Writer,
    seen: IfMatch,
    body::Json(patch): body::Json<CollectionPatch>,
) -> Result<Response, Problem> {
    let collection = id("collection", &collection)?;
    patch.check().map_err(Problem::invalid_body)?;
    let answer = |collection: &Collection| {
        responses::written(
            StatusCode::OK,
            collection.version,
            &AdminCollection::from(collection.clone()),
        )
    };
    let by = writer.context(&answer);
    let write = |version| catalog.update_collection(collection, version, &patch, by);
    let done = seen.apply(|| current(&catalog, collection), write).await?;

    Ok(writer.respond(&done, answer).await)
}

/// Deletes a collection; its products stay.
#[utoipa::path(delete, path = "/admin/collections/{collection}", operation_id = "delete_collection",
    tag = "admin", security(("admin_key" = [])),
    params(("collection" = CollectionId, Path), VersionHeader),
    responses((status = 204, description = "The collection was deleted"), AdminProblems, VersionProblems)
)]
pub async fn remove(
    State(catalog): State<Catalog>,
    Path(collection): Path<String>,
    writer: Writer,
    seen: IfMatch,
) -> Result<Response, Problem> {
    let collection = id("collection", &collection)?;
    let by = writer.context(&responses::deleted);
    let write = |version| catalog.delete_collection(collection, version, by);
    let done = seen.apply(|| current(&catalog, collection), write).await?;

    Ok(writer.respond(&done, responses::deleted).await)
}

async fn find(catalog: &Catalog, collection: CollectionId) -> Result<Collection, Problem> {
    let found = catalog.find_collection(&Ref::Id(collection)).await?;

    found.ok_or_else(|| Problem::not_found("collection"))
}

/// The current version.
async fn current(catalog: &Catalog, collection: CollectionId) -> Result<u64, Problem> {
    Ok(find(catalog, collection).await?.version)
}

//! The audit list for owners and operators.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::Timestamp;
use domain::access::Permission::ReadAudit;
use domain::ids::AuditId;
use serde::Serialize;
use store::audit::AuditEntryPlace;
use store::{Actor, Audit, AuditEntry};
use utoipa_axum::routes;

use super::paging::{self, PageQuery, page_size};
use super::views::Listed;
use crate::problem::Problem;
use crate::query::Query;
use crate::route::Endpoint;
use crate::schema::AdminProblems;
use crate::shop::Shop;

const PAGE_MAX: usize = 200;
/// The name of the list in its cursors.
const LIST: &str = "audit";

pub fn endpoints() -> Vec<Endpoint<Shop>> {
    vec![Endpoint::admin(ReadAudit, routes!(list))]
}

/// One change, and who made it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct AuditView {
    id: AuditId,
    at: Timestamp,
    #[schema(value_type = Object)]
    by: Actor,
    action: String,
    entity: String,
    #[schema(value_type = Object)]
    details: serde_json::Value,
}

/// Lists the changes by admins and commands, the newest first.
#[utoipa::path(get, path = "/admin/audit", operation_id = "list_audit",
    tag = "admin", security(("admin_key" = [])),
    params(PageQuery),
    responses((status = 200, description = "A page of entries", body = Listed<AuditView>),
        AdminProblems)
)]
pub async fn list(
    State(audit): State<Arc<Audit>>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listed<AuditView>>, Problem> {
    let limit = page_size(query.limit, PAGE_MAX)?;
    let before = paging::place::<AuditId>(LIST, query.cursor.as_deref())?.map(AuditEntryPlace::of);
    let (entries, next) = audit.list(before.as_ref(), limit as u32).await?;

    Ok(Json(Listed {
        data: entries.into_iter().map(AuditView::from).collect(),
        next_cursor: next.map(|place| paging::cursor(LIST, place.id())),
    }))
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            by: entry.by,
            action: entry.action,
            entity: entry.entity,
            details: entry.details,
        }
    }
}

//! The audit list, for owners and operators.

use axum::Json;
use axum::extract::State;
use domain::Timestamp;
use domain::ids::AuditId;
use serde::Serialize;
use store::audit::AuditEntryPlace;
use store::{Actor, AuditEntry};

use super::inventory::PageQuery;
use super::paging::{self, page_size};
use super::views::Listed;
use crate::problem::Problem;
use crate::query::Query;
use crate::schema::AdminProblems;
use crate::shop::SharedShop;

const PAGE_MAX: usize = 200;
/// In its cursors.
const LIST: &str = "audit";

/// Who changed what.
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

/// Lists what admins and commands changed, the newest first.
#[utoipa::path(get, path = "/admin/audit", tag = "admin", security(("admin_key" = [])),
    params(PageQuery),
    responses((status = 200, description = "A page of entries", body = Listed<AuditView>),
        AdminProblems)
)]
pub async fn list_audit(
    State(shop): State<SharedShop>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listed<AuditView>>, Problem> {
    let limit = page_size(query.limit(), PAGE_MAX)?;
    let before = paging::place::<AuditId>(LIST, query.cursor())?.map(AuditEntryPlace::of);
    let (entries, next) = shop.audit.list(before.as_ref(), limit as u32).await?;

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

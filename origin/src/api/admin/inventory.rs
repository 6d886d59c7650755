//! Stock for admins: levels, adjustments with a reason, and their ledger.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::access::Permission::{AdjustInventory, ReadInventory};
use domain::{LedgerEntry, Sku};
use serde::Deserialize;
use store::{Adjusted, Catalog};
use utoipa_axum::routes;

use super::paging::{self, PageQuery, page_size};
use super::path::id;
use super::views::{Inventory, Listed};
use crate::body;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::query::Query;
use crate::responses;
use crate::route::Endpoint;
use crate::schema::{AdminProblems, OptionalVersionHeader, WriteProblems};
use crate::shop::Shop;
use crate::writer::Writer;

const PAGE_MAX: usize = 200;

pub fn endpoints() -> Vec<Endpoint<Shop>> {
    vec![
        Endpoint::admin(ReadInventory, routes!(show)),
        Endpoint::admin(ReadInventory, routes!(ledger)),
        Endpoint::admin(AdjustInventory, routes!(adjust)),
    ]
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    /// Pieces added; below zero, pieces removed.
    pub delta: i64,
    #[schema(min_length = 1, max_length = 200)]
    pub reason: String,
}

/// Shows the stock of a SKU.
#[utoipa::path(get, path = "/admin/inventory/{sku}", operation_id = "show_stock",
    tag = "admin", security(("admin_key" = [])), params(("sku" = Sku, Path)),
    responses((status = 200, description = "The level", body = Inventory), AdminProblems)
)]
pub async fn show(
    State(catalog): State<Catalog>,
    Path(sku): Path<String>,
) -> Result<Response, Problem> {
    let level = catalog.inventory().find_level(&id("SKU", &sku)?).await?;
    let level = level.ok_or_else(|| Problem::not_found("SKU"))?;

    Ok(responses::found(level.version, Inventory::from(level)))
}

/// Lists the adjustments of the stock of a SKU, the newest first.
#[utoipa::path(get, path = "/admin/inventory/{sku}/ledger", operation_id = "list_ledger",
    tag = "admin", security(("admin_key" = [])), params(("sku" = Sku, Path), PageQuery),
    responses((status = 200, description = "A page of rows", body = Listed<LedgerEntry>),
        AdminProblems)
)]
pub async fn ledger(
    State(catalog): State<Catalog>,
    Path(sku): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listed<LedgerEntry>>, Problem> {
    let limit = page_size(query.limit, PAGE_MAX)?;
    let sku: Sku = id("SKU", &sku)?;
    let list = format!("ledger/{sku}");
    let before = paging::place::<u64>(&list, query.cursor.as_deref())?;
    let data = catalog.inventory().list_ledger(&sku, before, limit as u32).await?;
    let last = data.last().filter(|_| data.len() == limit).map(|row| row.version);

    Ok(Json(Listed {
        next_cursor: last
            .filter(|version| *version > 1)
            .map(|version| paging::cursor(&list, version)),
        data,
    }))
}

/// Adjusts the stock of a SKU, with a reason for the ledger; with `If-Match`, only while the level is
/// the one that was read.
#[utoipa::path(post, path = "/admin/inventory/{sku}/adjust", operation_id = "adjust_stock",
    tag = "admin", security(("admin_key" = [])), params(("sku" = Sku, Path), OptionalVersionHeader),
    request_body = Adjustment,
    responses((status = 200, description = "The new level; ETag is its version",
            body = Inventory),
        AdminProblems, WriteProblems,
        (status = 412, description = "The level has changed; ETag is its version",
            body = domain::ProblemBody, content_type = "application/problem+json"))
)]
pub async fn adjust(
    State(catalog): State<Catalog>,
    Path(sku): Path<String>,
    writer: Writer,
    seen: Option<IfMatch>,
    body::Json(adjustment): body::Json<Adjustment>,
) -> Result<Response, Problem> {
    let sku: Sku = id("SKU", &sku)?;
    let Adjustment { delta, reason } = adjustment;
    let seen = seen.and_then(IfMatch::version);
    let answer = |Adjusted { level, .. }: &Adjusted| {
        responses::written(StatusCode::OK, level.version, &Inventory::from(level.clone()))
    };
    let by = writer.context(&answer);
    let done = catalog.adjust_stock_at(&sku, seen, delta, &reason, by).await?;

    Ok(writer.respond(&done, answer).await)
}

//! Stock, for admins: levels, adjustments with a reason, and the ledger of all of them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::{LedgerEntry, Sku};
use serde::Deserialize;
use store::Adjusted;

use super::answers::{id, sent, shown, written};
use super::paging::{self, page_size};
use super::views::{Inventory, Listed};
use crate::access::Writer;
use crate::body;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::query::Query;
use crate::schema::{AdminProblems, OptionalVersionHeader, WriteProblems};
use crate::shop::SharedShop;

const PAGE_MAX: usize = 200;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    /// Pieces that came in, or, below zero, went out.
    pub delta: i64,
    #[schema(min_length = 1, max_length = 200)]
    pub reason: String,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// Where a page before ended.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<usize>,
}

impl PageQuery {
    pub const fn limit(&self) -> Option<usize> {
        self.limit
    }

    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }
}

/// Shows the stock of a SKU.
#[utoipa::path(get, path = "/admin/inventory/{sku}", tag = "admin",
    security(("admin_key" = [])), params(("sku" = Sku, Path)),
    responses((status = 200, description = "The level", body = Inventory), AdminProblems)
)]
pub async fn show_stock(
    State(shop): State<SharedShop>,
    Path(sku): Path<String>,
) -> Result<Response, Problem> {
    let level = shop.catalog.inventory().find_level(&id("SKU", &sku)?).await?;
    let level = level.ok_or_else(|| Problem::not_found("SKU"))?;

    Ok(shown(level.version, Inventory::from(level)))
}

/// Lists what happened to the stock of a SKU, the newest first.
#[utoipa::path(get, path = "/admin/inventory/{sku}/ledger", tag = "admin",
    security(("admin_key" = [])), params(("sku" = Sku, Path), PageQuery),
    responses((status = 200, description = "A page of rows", body = Listed<LedgerEntry>),
        AdminProblems)
)]
pub async fn list_ledger(
    State(shop): State<SharedShop>,
    Path(sku): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listed<LedgerEntry>>, Problem> {
    let limit = page_size(query.limit, PAGE_MAX)?;
    let sku: Sku = id("SKU", &sku)?;
    let list = format!("ledger/{sku}");
    let before = paging::place::<u64>(&list, query.cursor.as_deref())?;
    let data = shop.catalog.inventory().list_ledger(&sku, before, limit as u32).await?;
    let last = data.last().filter(|_| data.len() == limit).map(|row| row.version);

    Ok(Json(Listed {
        next_cursor: last
            .filter(|version| *version > 1)
            .map(|version| paging::cursor(&list, version)),
        data,
    }))
}

/// Adjusts the stock of a SKU, for a reason that stays in the ledger; with `If-Match`, only where
/// the level is still the one that was read.
#[utoipa::path(post, path = "/admin/inventory/{sku}/adjust", tag = "admin",
    security(("admin_key" = [])), params(("sku" = Sku, Path), OptionalVersionHeader),
    request_body = Adjustment,
    responses((status = 200, description = "The level after it; ETag is its version",
            body = Inventory),
        AdminProblems, WriteProblems,
        (status = 412, description = "The level has changed since; ETag tells its version",
            body = domain::ProblemBody, content_type = "application/problem+json"))
)]
pub async fn adjust_stock(
    State(shop): State<SharedShop>,
    Path(sku): Path<String>,
    writer: Writer,
    seen: Option<IfMatch>,
    body::Json(adjustment): body::Json<Adjustment>,
) -> Result<Response, Problem> {
    let sku: Sku = id("SKU", &sku)?;
    let Adjustment { delta, reason } = adjustment;
    let seen = seen.and_then(IfMatch::version);
    let answer = |Adjusted { level, .. }: &Adjusted| {
        written(StatusCode::OK, level.version, &Inventory::from(level.clone()))
    };
    let by = writer.answering(&answer);
    let done = shop.catalog.adjust_stock_at(&sku, seen, delta, &reason, by).await?;

    Ok(sent(&shop, &done, answer).await)
}

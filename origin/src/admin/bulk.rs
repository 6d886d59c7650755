//! Up to a hundred writes in one request, each with a result of its own.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::access::Permission;
use domain::draft::{ProductDraft, ProductPatch, VariantPatch};
use domain::{CatalogProduct, FieldError, ProblemBody, ProductId, Sku, Variant, VariantId};
use serde::{Deserialize, Serialize};
use store::{Adjusted, Committed, Ended, Recorded, StoredResponse};

use super::answers::{listed, replacing};
use super::{products, variants};
use crate::access::Writer;
use crate::body;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::schema::{AdminProblems, WriteProblems};
use crate::shop::SharedShop;

const OPERATIONS_MAX: usize = 100;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkBody {
    #[schema(min_items = 1, max_items = 100)]
    operations: Vec<Operation>,
}

/// One write. Without `version` it replaces whatever is there.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    CreateProduct {
        product: ProductDraft,
    },
    UpdateProduct {
        id: ProductId,
        #[serde(default, deserialize_with = "version")]
        version: Option<u64>,
        patch: ProductPatch,
    },
    DeleteProduct {
        id: ProductId,
        #[serde(default, deserialize_with = "version")]
        version: Option<u64>,
    },
    UpdateVariant {
        id: VariantId,
        #[serde(default, deserialize_with = "version")]
        version: Option<u64>,
        patch: VariantPatch,
    },
    DeleteVariant {
        id: VariantId,
        #[serde(default, deserialize_with = "version")]
        version: Option<u64>,
    },
    AdjustStock {
        sku: Sku,
        delta: i64,
        reason: String,
    },
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BulkResults {
    /// In the order of the operations.
    results: Vec<BulkResult>,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BulkResult {
    /// What the operation alone would have answered.
    status: u16,
    /// The id, or the SKU, of what was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemBody>,
}

/// Runs up to 100 writes, one after the other; each succeeds or fails by itself.
#[utoipa::path(post, path = "/admin/bulk", tag = "admin", security(("admin_key" = [])),
    request_body = BulkBody,
    responses((status = 200, description = "A result for each operation", body = BulkResults),
        AdminProblems, WriteProblems)
)]
pub async fn run_bulk(
    State(shop): State<SharedShop>,
    writer: Writer,
    body::Json(body): body::Json<BulkBody>,
) -> Result<Response, Problem> {
    if !(1..=OPERATIONS_MAX).contains(&body.operations.len()) {
        let detail = format!("has 1 to {OPERATIONS_MAX} entries");
        return Err(Problem::invalid_body(vec![FieldError::new("/operations", "length", detail)]));
    }
    // What this request had done before it was cut off by a crash.
    let mut known = match writer.claimed() {
        Some(claimed) => shop.idempotency.parts(claimed).await?,
        None => HashMap::new(),
    };
    let mut results = Vec::with_capacity(body.operations.len());
    let mut last = None;

    for (at, operation) in body.operations.into_iter().enumerate() {
        let recorded = match known.remove(&at) {
            Some(recorded) => recorded,
            None => outcome(&shop, &writer, at, operation).await?,
        };
        let result = serde_json::from_str::<BulkResult>(&recorded.response.body);
        results.push(result.map_err(Problem::unavailable)?);
        last = last.max(recorded.seq);
    }
    Ok(listed(&shop, last, BulkResults { results }).await)
}

/// What an operation answers. An error ends the whole request: its key is another process's by now.
async fn outcome(
    shop: &SharedShop,
    writer: &Writer,
    at: usize,
    operation: Operation,
) -> Result<Recorded, Problem> {
    let problem = match run(shop, writer, at, operation).await {
        Ok(done) => return Ok(Recorded { response: done.value, seq: Some(done.seq) }),
        Err(problem) => problem,
    };
    let is_unknown = problem.status().is_server_error() || problem.is_in_progress();
    let response = refused(problem);
    let Some(claimed) = writer.claimed().filter(|_| is_unknown) else {
        return Ok(Recorded { response, seq: None });
    };

    // It may have been committed all the same, or may yet be: not beyond this.
    match shop.idempotency.decide_part(claimed, at, &response).await? {
        Ended::AsAsked => Ok(Recorded { response, seq: None }),
        Ended::Answered(recorded) => Ok(recorded),
        Ended::TakenOver => Err(Problem::in_progress()),
    }
}

async fn run(
    shop: &SharedShop,
    writer: &Writer,
    at: usize,
    operation: Operation,
) -> Result<Committed<StoredResponse>, Problem> {
    let catalog = &shop.catalog;

    match operation {
        Operation::CreateProduct { product } => {
            product.check(shop.currency).map_err(Problem::invalid_body)?;
            let answer = |CatalogProduct { product, .. }: &CatalogProduct| {
                done(StatusCode::CREATED, &product.id, Some(product.version))
            };
            let made = catalog.create_product(&product, writer.part(at, &answer)).await?;
            Ok(made.map(|made| answer(&made)))
        }
        Operation::UpdateProduct { id, version, patch } => {
            patch.check().map_err(Problem::invalid_body)?;
            let answer = |CatalogProduct { product, .. }: &CatalogProduct| {
                done(StatusCode::OK, &id, Some(product.version))
            };
            let by = writer.part(at, &answer);
            let write = |version| catalog.update_product(id, version, &patch, by);
            let new = replacing(seen(version), || products::current(shop, id), write).await?;
            Ok(new.map(|new| answer(&new)))
        }
        Operation::DeleteProduct { id, version } => {
            let answer = |(): &()| done(StatusCode::NO_CONTENT, &id, None);
            let by = writer.part(at, &answer);
            let write = |version| catalog.delete_product(id, version, by);
            let gone = replacing(seen(version), || products::current(shop, id), write).await?;
            Ok(gone.map(|gone| answer(&gone)))
        }
        Operation::UpdateVariant { id, version, patch } => {
            let answer = |variant: &Variant| done(StatusCode::OK, &id, Some(variant.version));
            let by = writer.part(at, &answer);
            let write = |version| catalog.update_variant(id, version, &patch, shop.currency, by);
            let new = replacing(seen(version), || variants::current(shop, id), write).await?;
            Ok(new.map(|new| answer(&new)))
        }
        Operation::DeleteVariant { id, version } => {
            let answer = |(): &()| done(StatusCode::NO_CONTENT, &id, None);
            let by = writer.part(at, &answer);
            let write = |version| catalog.delete_variant(id, version, by);
            let gone = replacing(seen(version), || variants::current(shop, id), write).await?;
            Ok(gone.map(|gone| answer(&gone)))
        }
        Operation::AdjustStock { sku, delta, reason } => {
            writer.require(Permission::AdjustInventory)?;
            let answer = |Adjusted { level, .. }: &Adjusted| {
                done(StatusCode::OK, &level.sku, Some(level.version))
            };
            let by = writer.part(at, &answer);
            let moved = catalog.adjust_stock(&sku, delta, &reason, by).await?;
            Ok(moved.map(|moved| answer(&moved)))
        }
    }
}

fn done(status: StatusCode, entity: &impl ToString, version: Option<u64>) -> StoredResponse {
    let entity = Some(entity.to_string());

    part(&BulkResult { status: status.as_u16(), entity, version, problem: None })
}

fn refused(problem: Problem) -> StoredResponse {
    let status = problem.body.status;

    part(&BulkResult { status, entity: None, version: None, problem: Some(*problem.body) })
}

fn part(result: &BulkResult) -> StoredResponse {
    StoredResponse {
        status: result.status,
        headers: Vec::new(),
        // Strings and numbers, which always serialise.
        body: serde_json::to_string(result).unwrap_or_default(),
    }
}

const fn seen(version: Option<u64>) -> IfMatch {
    match version {
        Some(version) => IfMatch::Version(version),
        None => IfMatch::Any,
    }
}

/// Versions count edits; one that no counter reaches is a mistake.
fn version<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let version = Option::<i64>::deserialize(deserializer)?;

    version
        .map(u64::try_from)
        .transpose()
        .map_err(|_| serde::de::Error::custom("a version is not negative"))
}

//! Up to a hundred writes in one request, each with a result of its own.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::access::Permission;
use domain::{CatalogProduct, FieldError, ProblemBody, Variant};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Adjusted, Committed, Ended, Recorded, StoredResponse};

use super::answers::{listed, replacing};
use super::operation::Operation;
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
    // Each is read by itself, so that a mistake in it is named by its place.
    #[schema(min_items = 1, max_items = 100, value_type = Vec<Operation>)]
    operations: Vec<Box<RawValue>>,
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
    let operations = read(&body.operations)?;
    // What this request had done before it was cut off by a crash.
    let mut known = match writer.claimed() {
        Some(claimed) => shop.idempotency.parts(claimed).await?,
        None => HashMap::new(),
    };
    let mut results = Vec::with_capacity(operations.len());
    let mut last = None;

    for (at, operation) in operations.into_iter().enumerate() {
        let recorded = match known.remove(&at) {
            Some(recorded) => recorded,
            None => outcome(&shop, &writer, at, operation).await?,
        };
        let result = serde_json::from_str::<BulkResult>(&recorded.response.body);
        results.push(result.map_err(Problem::unavailable)?);
        last = recorded.place.or(last);
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
        Ok(done) => return Ok(Recorded { place: Some(done.stamp()), response: done.value }),
        Err(problem) => problem,
    };
    let is_unknown = problem.status().is_server_error() || problem.is_in_progress();
    let response = refused(problem);
    let Some(claimed) = writer.claimed().filter(|_| is_unknown) else {
        return Ok(Recorded { response, place: None });
    };

    // It may have been committed all the same, or may yet be: not beyond this.
    match shop.idempotency.decide_part(claimed, at, &response).await? {
        Ended::AsAsked => Ok(Recorded { response, place: None }),
        Ended::Answered(recorded) => Ok(recorded),
        Ended::TakenOver => Err(Problem::in_progress()),
    }
}

/// All of them, before the first is run: of a request that is half understood nothing is done.
fn read(operations: &[Box<RawValue>]) -> Result<Vec<Operation>, Problem> {
    let mut mistakes = Vec::new();
    let mut read = Vec::with_capacity(operations.len());

    for (at, operation) in operations.iter().enumerate() {
        match Operation::read(operation, &format!("/operations/{at}")) {
            Ok(operation) => read.push(operation),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(read) } else { Err(Problem::invalid_body(mistakes)) }
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

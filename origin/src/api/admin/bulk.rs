//! Up to a hundred writes in one request, each with a result of its own.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::access::Permission::{AdjustInventory, WriteCatalog};
use domain::{CatalogProduct, Currency, FieldError, ProblemBody, Stamp, Variant};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Adjusted, Catalog, Committed, Ended, Idempotency, Recorded, StoredResponse};
use utoipa_axum::routes;

use super::operation::Operation;
use super::{products, variants};
use crate::body;
use crate::idempotency::IdempotentRequests;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::route::Endpoint;
use crate::schema::{AdminProblems, WriteProblems};
use crate::shop::Shop;
use crate::writer::Writer;

const OPERATIONS_MAX: usize = 100;

/// Operations that need more than the permission of the route check it themselves.
pub fn endpoints() -> Vec<Endpoint<Shop>> {
    vec![Endpoint::admin(WriteCatalog, routes!(run))]
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkBody {
    // Each is parsed by itself, so that a mistake is named by its place.
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
    /// The status that the operation alone would have.
    status: u16,
    /// The id, or the SKU, of what was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemBody>,
}

/// Runs up to 100 writes, one after the other; each succeeds or fails by itself.
#[utoipa::path(post, path = "/admin/bulk", operation_id = "run_bulk",
    tag = "admin", security(("admin_key" = [])),
    request_body = BulkBody,
    responses((status = 200, description = "A result for each operation", body = BulkResults),
        AdminProblems, WriteProblems)
)]
pub async fn run(
    State(catalog): State<Catalog>,
    State(currency): State<Currency>,
    State(idempotent): State<IdempotentRequests>,
    writer: Writer,
    body::Json(body): body::Json<BulkBody>,
) -> Result<Response, Problem> {
    let operations = read_all(&body.operations)?;
    let batch = Batch { catalog, currency, records: idempotent.records, writer };
    let (results, position) = batch.run_all(operations).await?;

    Ok(batch.writer.respond_with(position, BulkResults { results }).await)
}

/// The operations of one request.
struct Batch {
    catalog: Catalog,
    currency: Currency,
    records: Arc<Idempotency>,
    writer: Writer,
}

impl Batch {
    /// The results, and the position in the change log of the last write.
    async fn run_all(
        &self,
        operations: Vec<Operation>,
    ) -> Result<(Vec<BulkResult>, Option<Stamp>), Problem> {
        // Operations that were committed under this key before a crash cut the request off.
        let mut recorded = match self.writer.claimed() {
            Some(claimed) => self.records.parts(claimed).await?,
            None => HashMap::new(),
        };
        let mut results = Vec::with_capacity(operations.len());
        let mut last = None;

        for (at, operation) in operations.into_iter().enumerate() {
            let outcome = match recorded.remove(&at) {
                Some(recorded) => recorded,
                None => self.outcome(at, operation).await?,
            };
            let result = serde_json::from_str::<BulkResult>(&outcome.response.body);
            results.push(result.map_err(Problem::unavailable)?);
            last = outcome.place.or(last);
        }
        Ok((results, last))
    }

    /// The result of operation number `at`. An error ends the whole request: another process has
    /// taken over its key.
    async fn outcome(&self, at: usize, operation: Operation) -> Result<Recorded, Problem> {
        let problem = match self.execute(at, operation).await {
            Ok(done) => return Ok(Recorded { place: Some(done.stamp()), response: done.value }),
            Err(problem) => problem,
        };
        let is_unknown = problem.status().is_server_error() || problem.is_in_progress();
        let response = refused(problem);
        let Some(claimed) = self.writer.claimed().filter(|_| is_unknown) else {
            return Ok(Recorded { response, place: None });
        };

        // The write may have been committed, or may still be. Recording the failure under the key
        // decides it: the write's own transaction fails from then on.
        match self.records.decide_part(claimed, at, &response).await? {
            Ended::AsAsked => Ok(Recorded { response, place: None }),
            Ended::Answered(recorded) => Ok(recorded),
            Ended::TakenOver => Err(Problem::in_progress()),
        }
    }

    async fn execute(
        &self,
        at: usize,
        operation: Operation,
    ) -> Result<Committed<StoredResponse>, Problem> {
        let Self { catalog, currency, writer, .. } = self;

        match operation {
            Operation::CreateProduct { product } => {
                product.check(*currency).map_err(Problem::invalid_body)?;
                let answer = |CatalogProduct { product, .. }: &CatalogProduct| {
                    done(StatusCode::CREATED, &product.id, Some(product.version))
                };
                let created = catalog.create_product(&product, writer.part(at, &answer)).await?;
                Ok(created.map(|created| answer(&created)))
            }
            Operation::UpdateProduct { id, version, patch } => {
                patch.check().map_err(Problem::invalid_body)?;
                let answer = |CatalogProduct { product, .. }: &CatalogProduct| {
                    done(StatusCode::OK, &id, Some(product.version))
                };
                let by = writer.part(at, &answer);
                let write = |version| catalog.update_product(id, version, &patch, by);
                let current = || products::current(catalog, id);
                let updated = if_match(version).apply(current, write).await?;
                Ok(updated.map(|updated| answer(&updated)))
            }
            Operation::DeleteProduct { id, version } => {
                let answer = |(): &()| done(StatusCode::NO_CONTENT, &id, None);
                let by = writer.part(at, &answer);
                let write = |version| catalog.delete_product(id, version, by);
                let current = || products::current(catalog, id);
                let deleted = if_match(version).apply(current, write).await?;
                Ok(deleted.map(|deleted| answer(&deleted)))
            }
            Operation::UpdateVariant { id, version, patch } => {
                let answer = |variant: &Variant| done(StatusCode::OK, &id, Some(variant.version));
                let by = writer.part(at, &answer);
                let write = |version| catalog.update_variant(id, version, &patch, *currency, by);
                let current = || variants::current(catalog, id);
                let updated = if_match(version).apply(current, write).await?;
                Ok(updated.map(|updated| answer(&updated)))
            }
            Operation::DeleteVariant { id, version } => {
                let answer = |(): &()| done(StatusCode::NO_CONTENT, &id, None);
                let by = writer.part(at, &answer);
                let write = |version| catalog.delete_variant(id, version, by);
                let current = || variants::current(catalog, id);
                let deleted = if_match(version).apply(current, write).await?;
                Ok(deleted.map(|deleted| answer(&deleted)))
            }
            Operation::AdjustStock { sku, delta, reason } => {
                writer.require(AdjustInventory)?;
                let answer = |Adjusted { level, .. }: &Adjusted| {
                    done(StatusCode::OK, &level.sku, Some(level.version))
                };
                let by = writer.part(at, &answer);
                let adjusted = catalog.adjust_stock(&sku, delta, &reason, by).await?;
                Ok(adjusted.map(|adjusted| answer(&adjusted)))
            }
        }
    }
}

/// Parses all operations before the first one runs: nothing is done for a request that is only
/// partly understood.
fn read_all(operations: &[Box<RawValue>]) -> Result<Vec<Operation>, Problem> {
    if !(1..=OPERATIONS_MAX).contains(&operations.len()) {
        let detail = format!("must have 1 to {OPERATIONS_MAX} entries");
        return Err(Problem::invalid_body(vec![FieldError::new("/operations", "length", detail)]));
    }
    let mut errors = Vec::new();
    let mut read = Vec::with_capacity(operations.len());

    for (at, operation) in operations.iter().enumerate() {
        match Operation::read(operation, &format!("/operations/{at}")) {
            Ok(operation) => read.push(operation),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(read) } else { Err(Problem::invalid_body(errors)) }
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

const fn if_match(version: Option<u64>) -> IfMatch {
    match version {
        Some(version) => IfMatch::Version(version),
        None => IfMatch::Any,
    }
}

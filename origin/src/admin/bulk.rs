//! Up to a hundred writes in one request, each with a result of its own.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::access::Permission;
use domain::{FieldError, ProblemBody};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::Committed;

use super::answers::{replacing, written};
use super::operation::Operation;
use super::{products, variants};
use crate::access::Admin;
use crate::body;
use crate::precondition::IfMatch;
use crate::problem::Problem;
use crate::schema::{AdminProblems, WriteProblems};
use crate::shop::SharedShop;

const OPERATIONS_MAX: usize = 100;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkBody {
    /// Each is read by itself, so that a mistake in it is named by its place.
    #[schema(min_items = 1, max_items = 100, value_type = Vec<Operation>)]
    operations: Vec<Box<RawValue>>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BulkResults {
    /// In the order of the operations.
    results: Vec<BulkResult>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BulkResult {
    /// What the operation alone would have answered.
    status: u16,
    /// The id, or the SKU, of what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemBody>,
}

struct Done {
    status: StatusCode,
    entity: String,
    version: Option<u64>,
    place: Committed<()>,
}

/// Runs up to 100 writes, one after the other; each succeeds or fails by itself.
#[utoipa::path(post, path = "/admin/bulk", tag = "admin", security(("admin_key" = [])),
    request_body = BulkBody,
    responses((status = 200, description = "A result for each operation", body = BulkResults),
        AdminProblems, WriteProblems)
)]
pub async fn run_bulk(
    State(shop): State<SharedShop>,
    admin: Admin,
    body::Json(body): body::Json<BulkBody>,
) -> Result<Response, Problem> {
    if !(1..=OPERATIONS_MAX).contains(&body.operations.len()) {
        let detail = format!("has 1 to {OPERATIONS_MAX} entries");
        return Err(Problem::invalid_body(vec![FieldError::new("/operations", "length", detail)]));
    }
    let operations = read(&body.operations)?;
    let mut results = Vec::with_capacity(operations.len());
    let mut last: Option<Committed<()>> = None;

    for operation in operations {
        match run(&shop, &admin, operation).await {
            Ok(done) => {
                results.push(BulkResult {
                    status: done.status.as_u16(),
                    entity: Some(done.entity),
                    version: done.version,
                    problem: None,
                });
                last = Some(done.place);
            }
            Err(problem) => results.push(BulkResult {
                status: problem.body.status,
                entity: None,
                version: None,
                problem: Some(*problem.body),
            }),
        }
    }

    let results = BulkResults { results };
    match last {
        Some(place) => Ok(written(&shop, StatusCode::OK, &place, None, results).await),
        None => Ok(axum::response::IntoResponse::into_response(Json(results))),
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

async fn run(shop: &SharedShop, admin: &Admin, operation: Operation) -> Result<Done, Problem> {
    let (catalog, by) = (&shop.catalog, &admin.actor);

    match operation {
        Operation::CreateProduct { product } => {
            product.check(shop.currency).map_err(Problem::invalid_body)?;
            let done = catalog.create_product(&product, by).await?;
            let (id, version) = (done.value.product.id, done.value.product.version);
            Ok(Done::new(StatusCode::CREATED, &id, Some(version), &done))
        }
        Operation::UpdateProduct { id, version, patch } => {
            patch.check().map_err(Problem::invalid_body)?;
            let write = |version| catalog.update_product(id, version, &patch, by);
            let done = replacing(seen(version), || products::current(shop, id), write).await?;
            Ok(Done::new(StatusCode::OK, &id, Some(done.value.product.version), &done))
        }
        Operation::DeleteProduct { id, version } => {
            let write = |version| catalog.delete_product(id, version, by);
            let done = replacing(seen(version), || products::current(shop, id), write).await?;
            Ok(Done::new(StatusCode::NO_CONTENT, &id, None, &done))
        }
        Operation::UpdateVariant { id, version, patch } => {
            let write = |version| catalog.update_variant(id, version, &patch, shop.currency, by);
            let done = replacing(seen(version), || variants::current(shop, id), write).await?;
            Ok(Done::new(StatusCode::OK, &id, Some(done.value.version), &done))
        }
        Operation::DeleteVariant { id, version } => {
            let write = |version| catalog.delete_variant(id, version, by);
            let done = replacing(seen(version), || variants::current(shop, id), write).await?;
            Ok(Done::new(StatusCode::NO_CONTENT, &id, None, &done))
        }
        Operation::AdjustStock { sku, delta, reason } => {
            admin.require(Permission::AdjustInventory)?;
            let done = catalog.adjust_stock(&sku, delta, &reason, by).await?;
            Ok(Done::new(StatusCode::OK, &sku, Some(done.value.level.version), &done))
        }
    }
}

impl Done {
    fn new<T>(
        status: StatusCode,
        entity: &impl ToString,
        version: Option<u64>,
        committed: &Committed<T>,
    ) -> Self {
        let place = Committed { value: (), log: committed.log.clone(), seq: committed.seq };

        Self { status, entity: entity.to_string(), version, place }
    }
}

const fn seen(version: Option<u64>) -> IfMatch {
    match version {
        Some(version) => IfMatch::Version(version),
        None => IfMatch::Any,
    }
}

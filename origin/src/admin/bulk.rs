//! Up to a hundred writes in one request, each with a result of its own.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::access::Permission;
use domain::draft::{ProductDraft, ProductPatch, VariantPatch};
use domain::{FieldError, ProblemBody, ProductId, Sku, VariantId};
use serde::{Deserialize, Serialize};
use store::Committed;

use super::answers::{replacing, written};
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
    let mut results = Vec::with_capacity(body.operations.len());
    let mut last: Option<Committed<()>> = None;

    for operation in body.operations {
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

/// Versions count edits; one that no counter reaches is a mistake.
fn version<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let version = Option::<i64>::deserialize(deserializer)?;

    version
        .map(u64::try_from)
        .transpose()
        .map_err(|_| serde::de::Error::custom("a version is not negative"))
}

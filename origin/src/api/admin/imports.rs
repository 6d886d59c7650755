//! Catalogue files, imported over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use catalog_files::{CatalogFile, DecimalSign, Format, ImportJob, Mapping, Notation};
use domain::Code;
use domain::access::Permission::WriteCatalog;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use utoipa_axum::routes;

use crate::access::Admin;
use crate::body::BodyLimit;
use crate::file_imports::{FileImports, ImportReport, unreadable};
use crate::idempotency::{IdempotentRequests, ScopedKey};
use crate::problem::Problem;
use crate::query::Query;
use crate::route::Endpoint;
use crate::schema::{AdminProblems, KeyHeader, WriteProblems};
use crate::shop::Shop;

pub fn endpoints() -> Vec<Endpoint<Shop>> {
    let import = Endpoint::admin(WriteCatalog, routes!(upload));

    vec![import.with_required_key().with_body(BodyLimit::FILE)]
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ImportQuery {
    /// `ours=theirs` pairs, separated by commas: `sku=id,stock=current_stock`.
    map: Option<String>,
    /// The decimal sign of the file's numbers: `.` as in 1,234.50, or `,` as in 1.234,50. Without
    /// it, a number that can be read in both ways is refused.
    #[serde(default, deserialize_with = "decimal")]
    #[param(value_type = Option<String>, pattern = "^[.,]$")]
    decimal: Option<DecimalSign>,
    /// Reports what would happen, and changes nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Imports a catalogue file, CSV or JSON lines: upsert by SKU. Invalid rows are listed, the others
/// are imported.
#[utoipa::path(post, path = "/admin/imports", operation_id = "import_file", tag = "admin",
    security(("admin_key" = [])), params(ImportQuery, KeyHeader),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, description = "The result for the rows", body = ImportReport),
        AdminProblems, WriteProblems)
)]
pub async fn upload(
    State(imports): State<FileImports>,
    State(idempotent): State<IdempotentRequests>,
    admin: Admin,
    Query(query): Query<ImportQuery>,
    key: ScopedKey,
    limit: BodyLimit,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let format = format_of(&parts.headers)?;
    let pairs = query.map.as_deref().into_iter().flat_map(|map| map.split(','));
    let mapping = Mapping::parse(pairs).map_err(|error| unreadable(&error))?;
    let (file, digest) = save(body, limit).await?;
    let decimal = query.decimal;
    let fingerprint = format!("{digest} {:?} {} {decimal:?}", query.map, query.dry_run);
    let job = ImportJob {
        file: CatalogFile::Open(Arc::new(file), format),
        mapping,
        notation: Notation { currency: imports.currency, decimal },
        dry_run: query.dry_run,
    };
    let import = move |claimed| async move {
        match imports.run(&job, admin.author(claimed)).await {
            Ok(report) => Json(report).into_response(),
            Err(problem) => problem.into_response(),
        }
    };

    idempotent.run(&key, &fingerprint, import).await
}

fn decimal<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DecimalSign>, D::Error> {
    let text = String::deserialize(deserializer)?;

    text.parse().map(Some).map_err(serde::de::Error::custom)
}

fn format_of(headers: &HeaderMap) -> Result<Format, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();

    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "text/csv" => Ok(Format::Csv),
        "application/x-ndjson" | "application/jsonl" | "application/json" => Ok(Format::JsonLines),
        _ => {
            let detail = "send Content-Type: text/csv or application/x-ndjson";
            Err(Problem::new(Code::UnsupportedMediaType, detail))
        }
    }
}

/// The body as an unnamed file, which is gone with the process however that ends, and its SHA-256.
/// No more than a chunk of it is in memory.
async fn save(mut body: Body, limit: BodyLimit) -> Result<(std::fs::File, String), Problem> {
    let mut out = File::from_std(tempfile::tempfile().map_err(Problem::unavailable)?);
    let mut hash = Sha256::new();
    let mut size = 0;

    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(Code::InvalidJson, "the body was cut off").because(error)
        })?;
        let Some(data) = frame.data_ref() else { continue };
        size += data.len();
        if size > limit.bytes() {
            let most = limit.bytes();
            let detail = format!("a file may have at most {most} bytes here; use shopping import");
            return Err(Problem::new(Code::PayloadTooLarge, detail));
        }
        hash.update(data);
        out.write_all(data).await.map_err(Problem::unavailable)?;
    }
    out.flush().await.map_err(Problem::unavailable)?;

    let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((out.into_std().await, digest))
}

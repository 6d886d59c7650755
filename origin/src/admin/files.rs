//! Catalogue files over HTTP: the same import and export as on the command line.

use std::io::{self, Seek as _, SeekFrom};
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use catalog_files::{
    CatalogFile, DecimalSign, Format, ImportError, ImportJob, ImportObserver, Importer, Mapping,
    Notation, RowError, Tally,
};
use domain::{Code, FieldError};
use futures::stream;
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::Author;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::access::Admin;
use crate::idempotency;
use crate::problem::Problem;
use crate::query::Query;
use crate::schema::{AdminProblems, KeyHeader, WriteProblems};
use crate::shop::{SharedShop, Shop};

/// About 30,000 rows, which take seconds; larger files go in by `shopping import`.
const FILE_MAX: usize = 16 << 20;
/// Refused rows, and warnings, that an answer lists; all are counted.
const ERRORS_MAX: usize = 200;
const CHUNK: usize = 64 << 10;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ImportQuery {
    /// `ours=theirs` pairs, parted by commas: `sku=id,stock=current_stock`.
    map: Option<String>,
    /// The sign before the decimals in the file's numbers: `.` as in 1,234.50, or `,` as in
    /// 1.234,50. Left out: a number that can be read in both ways is refused.
    #[serde(default, deserialize_with = "decimal")]
    #[param(value_type = Option<String>, pattern = "^[.,]$")]
    decimal: Option<DecimalSign>,
    /// Says what would happen, and changes nothing.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct ImportReport {
    created: u64,
    updated: u64,
    unchanged: u64,
    refused: u64,
    /// Categories that were made because a row named them.
    categories: u64,
    /// Refused rows, at most 200: `{"line","column","code","detail","raw"}`.
    #[schema(value_type = Vec<Object>)]
    errors: Vec<RowError>,
    /// Values that were left out or read otherwise, in rows that went in.
    warned: u64,
    /// Which, at most 200, as in `errors`.
    #[schema(value_type = Vec<Object>)]
    warnings: Vec<RowError>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExportQuery {
    #[serde(default)]
    format: ExportFormat,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    Csv,
    #[default]
    Jsonl,
}

/// Imports a catalogue file, CSV or JSON lines: upsert by SKU. Rows that are wrong are listed, the
/// rest go in.
#[utoipa::path(post, path = "/admin/imports", tag = "admin", security(("admin_key" = [])),
    params(ImportQuery, KeyHeader),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, description = "What became of the rows", body = ImportReport),
        AdminProblems, WriteProblems)
)]
pub async fn import_file(
    State(shop): State<SharedShop>,
    admin: Admin,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let key = idempotency::required_key(&parts.headers)?;
    let format = format_of(&parts.headers)?;
    let pairs = query.map.as_deref().into_iter().flat_map(|map| map.split(','));
    let mapping = Mapping::parse(pairs).map_err(|error| unreadable(&error))?;
    let (file, digest) = save(body).await?;
    let decimal = query.decimal;
    let fingerprint = format!("{digest} {:?} {} {decimal:?}", query.map, query.dry_run);
    let scope = format!("{} POST /admin/imports", admin.name());
    let job = ImportJob {
        file: CatalogFile::Open(Arc::new(file), format),
        mapping,
        notation: Notation { currency: shop.currency, decimal },
        dry_run: query.dry_run,
    };

    idempotency::run(shop.clone(), &scope, &key, &fingerprint, move |claimed| async move {
        match run(&shop, &job, admin.author(claimed)).await {
            Ok(report) => Json(report).into_response(),
            Err(problem) => problem.into_response(),
        }
    })
    .await
}

/// Exports the catalogue as a file that an import reads.
#[utoipa::path(get, path = "/admin/exports", tag = "admin", security(("admin_key" = [])),
    params(ExportQuery),
    responses(
        (status = 200, description = "A row a variant", content(
            (String = "application/x-ndjson"),
            (String = "text/csv"),
        )),
        AdminProblems)
)]
pub async fn export_file(
    State(shop): State<SharedShop>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let (format, kind, name) = match query.format {
        ExportFormat::Csv => (Format::Csv, "text/csv; charset=utf-8", "catalog.csv"),
        ExportFormat::Jsonl => (Format::JsonLines, "application/x-ndjson", "catalog.jsonl"),
    };
    let file = tempfile::tempfile().map_err(Problem::unavailable)?;
    let out = io::BufWriter::new(&file);
    catalog_files::export(&shop.catalog, out, format, shop.currency)
        .await
        .map_err(Problem::unavailable)?;

    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let mut response = Response::new(stream_of(file)?);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(disposition) = disposition {
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

async fn run(shop: &Shop, job: &ImportJob, by: Author) -> Result<ImportReport, Problem> {
    let importer = Importer::new(shop.catalog.clone(), shop.items.clone(), shop.world.clone(), by);
    let mut lists = Lists::default();
    let report = importer.run(job, &mut lists).await.map_err(|error| match error {
        ImportError::File(error) => unreadable(&error),
        ImportError::Store(error) => error.into(),
        ImportError::Observer(error) => Problem::unavailable(error),
    })?;
    shop.follower.kick();
    let Tally { created, updated, unchanged, refused, warnings } = report.tally;

    Ok(ImportReport {
        created,
        updated,
        unchanged,
        refused,
        categories: report.categories,
        errors: lists.refused,
        warned: warnings,
        warnings: lists.warnings,
    })
}

#[derive(Default)]
struct Lists {
    refused: Vec<RowError>,
    warnings: Vec<RowError>,
}

impl ImportObserver for Lists {
    fn refused(&mut self, error: &RowError) -> io::Result<()> {
        push(&mut self.refused, error);
        Ok(())
    }

    fn warned_of_row(&mut self, warning: &RowError) -> io::Result<()> {
        push(&mut self.warnings, warning);
        Ok(())
    }
}

fn push(list: &mut Vec<RowError>, error: &RowError) {
    if list.len() < ERRORS_MAX {
        list.push(error.clone());
    }
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

/// The body as a file without a name, which is gone with the process however that ends, and its
/// SHA-256; never more of it in memory than a chunk.
async fn save(mut body: Body) -> Result<(std::fs::File, String), Problem> {
    let mut out = File::from_std(tempfile::tempfile().map_err(Problem::unavailable)?);
    let mut hash = Sha256::new();
    let mut size = 0;

    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(Code::InvalidJson, "the body did not arrive whole").because(error)
        })?;
        let Some(data) = frame.data_ref() else { continue };
        size += data.len();
        if size > FILE_MAX {
            let detail = format!("a file has at most {FILE_MAX} bytes here; use shopping import");
            return Err(Problem::new(Code::PayloadTooLarge, detail));
        }
        hash.update(data);
        out.write_all(data).await.map_err(Problem::unavailable)?;
    }
    out.flush().await.map_err(Problem::unavailable)?;

    let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((out.into_std().await, digest))
}

fn stream_of(mut file: std::fs::File) -> Result<Body, Problem> {
    file.seek(SeekFrom::Start(0)).map_err(Problem::unavailable)?;
    let chunks = stream::try_unfold(File::from_std(file), |mut file| async move {
        let mut chunk = vec![0; CHUNK];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);

        Ok::<_, io::Error>((read > 0).then_some((Bytes::from(chunk), file)))
    });

    Ok(Body::from_stream(chunks))
}

/// The file as a whole can't be read: its columns, or the mapping.
fn unreadable(error: &catalog_files::FileError) -> Problem {
    Problem::invalid_body(vec![FieldError::new("", "file", error.to_string())])
}

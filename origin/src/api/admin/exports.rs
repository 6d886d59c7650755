//! The catalogue as a file, over HTTP: the same export as on the command line.

use std::io::{self, Seek as _, SeekFrom};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use catalog_files::Format;
use domain::Currency;
use domain::access::Permission::ReadCatalog;
use futures::stream;
use serde::Deserialize;
use store::Catalog;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use utoipa_axum::routes;

use crate::problem::Problem;
use crate::query::Query;
use crate::route::Endpoint;
use crate::schema::AdminProblems;
use crate::shop::Shop;

/// Bytes of a file that are in memory at once.
const CHUNK: usize = 64 << 10;

pub fn endpoints() -> Vec<Endpoint<Shop>> {
    vec![Endpoint::admin(ReadCatalog, routes!(download))]
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

/// Exports the catalogue as a file that an import reads.
#[utoipa::path(get, path = "/admin/exports", operation_id = "export_file", tag = "admin",
    security(("admin_key" = [])), params(ExportQuery),
    responses(
        (status = 200, description = "One row for each variant", content(
            (String = "application/x-ndjson"),
            (String = "text/csv"),
        )),
        AdminProblems)
)]
pub async fn download(
    State(catalog): State<Catalog>,
    State(currency): State<Currency>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let (format, kind, name) = match query.format {
        ExportFormat::Csv => (Format::Csv, "text/csv; charset=utf-8", "catalog.csv"),
        ExportFormat::Jsonl => (Format::JsonLines, "application/x-ndjson", "catalog.jsonl"),
    };
    let file = tempfile::tempfile().map_err(Problem::unavailable)?;
    let out = io::BufWriter::new(&file);
    catalog_files::export(&catalog, out, format, currency).await.map_err(Problem::unavailable)?;

    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let mut response = Response::new(stream_of(file)?);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(disposition) = disposition {
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
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

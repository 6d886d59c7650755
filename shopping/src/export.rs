//! `shopping export`: the catalogue as a file that `shopping import` reads.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use catalog_files::Format;
use store::Catalog;

use crate::arguments::ExportArguments;
use crate::draft_file::Draft;
use crate::start::Start;

pub async fn run(
    start: &Start,
    catalog: &Catalog,
    arguments: ExportArguments,
) -> anyhow::Result<ExitCode> {
    let currency = start.settings.catalog.currency;
    let Some(path) = arguments.file else {
        let out = BufWriter::new(io::stdout());
        let rows = catalog_files::export(catalog, out, Format::JsonLines, currency).await?;
        eprintln!("{rows} rows");
        return Ok(ExitCode::SUCCESS);
    };
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let format = Format::of_extension(extension)
        .with_context(|| format!("{}: name the file .csv or .jsonl", path.display()))?;

    let draft = Draft::new(&path)?;
    let mut out = BufWriter::new(draft.file());
    let rows = catalog_files::export(catalog, &mut out, format, currency).await?;
    out.flush().with_context(|| path.display().to_string())?;
    drop(out);
    draft.keep()?;
    eprintln!("{rows} rows in {}", path.display());

    Ok(ExitCode::SUCCESS)
}

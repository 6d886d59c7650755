//! `shopping export`: the catalogue as a file that `shopping import` reads.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use catalog_files::Format;
use store::Catalog;

use crate::arguments::ExportArguments;
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

    // Under another name until it is whole, so that a half one is never taken for the catalogue.
    let draft = path.with_extension(format!("{extension}.part"));
    let file = File::create(&draft).with_context(|| draft.display().to_string())?;
    let mut out = BufWriter::new(file);
    let rows = catalog_files::export(catalog, &mut out, format, currency).await?;
    out.flush().with_context(|| draft.display().to_string())?;
    std::fs::rename(&draft, &path).with_context(|| path.display().to_string())?;
    eprintln!("{rows} rows in {}", path.display());

    Ok(ExitCode::SUCCESS)
}

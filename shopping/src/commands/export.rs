//! `shopping export`: the catalogue as a file that `shopping import` reads.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use catalog_files::{ExportError, FileError, Format};
use clap::Args;
use domain::Currency;
use platform::console;
use store::Catalog;

use super::NOT_PRINTED;
use super::draft_file::Draft;
use crate::start::Start;

#[derive(Clone, Debug, Args)]
pub struct ExportArguments {
    /// Ends in .csv or .jsonl. Without it, JSON lines go to standard output.
    file: Option<PathBuf>,
}

pub(super) async fn run(start: &Start, arguments: ExportArguments) -> anyhow::Result<ExitCode> {
    start.require_shop()?;
    let platform = start.connect_to_read().await?;
    let catalog = Catalog::over(platform.db());
    let currency = start.settings.catalog.currency;
    let Some(path) = arguments.file else {
        return print(&catalog, currency).await;
    };
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let format = Format::of_extension(extension)
        .with_context(|| format!("{}: name the file .csv or .jsonl", path.display()))?;

    let draft = Draft::new(&path)?;
    let mut out = BufWriter::new(draft.file());
    let rows = catalog_files::export(&catalog, &mut out, format, currency).await?;
    out.flush().with_context(|| path.display().to_string())?;
    drop(out);
    draft.keep()?;
    console::say(format_args!("{rows} rows in {}", path.display()));

    Ok(ExitCode::SUCCESS)
}

async fn print(catalog: &Catalog, currency: Currency) -> anyhow::Result<ExitCode> {
    let out = BufWriter::new(io::stdout());

    match catalog_files::export(catalog, out, Format::JsonLines, currency).await {
        Ok(rows) => console::say(format_args!("{rows} rows")),
        // A reader that has gone has all that it wanted: `shopping export | head`.
        Err(error) if is_reader_gone(&error) => {}
        Err(error) => return Err(error).context(NOT_PRINTED),
    }
    Ok(ExitCode::SUCCESS)
}

fn is_reader_gone(error: &ExportError) -> bool {
    match error {
        ExportError::File(FileError::Io(error)) => error.kind() == io::ErrorKind::BrokenPipe,
        ExportError::File(_) | ExportError::Store(_) => false,
    }
}

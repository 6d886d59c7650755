//! Stores with a catalogue in them, filled by the import that the shop itself uses.

use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use catalog_files::{CatalogFile, ImportJob, Importer, Mapping};
use domain::Currency;
use embedded::{SqliteItems, SystemWorld};
use ports::{Items, World};
use serde::{Deserialize, Serialize};
use store::schema::TABLES;
use store::{Actor, Catalog, Db};

use crate::child;
use crate::cores::Cores;
use crate::corpus::Corpus;
use crate::process::{memory, own_time};
use crate::servers;

/// What an import took; the process that did it says so at its end.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Imported {
    pub rows: u64,
    pub took: Duration,
    pub processor: Duration,
    /// In KiB.
    pub peak: u64,
}

/// Writes the corpus into a fresh store in `folder`; the path of the store.
pub fn fill(corpus: &Corpus, folder: &Path, cores: Cores) -> Result<PathBuf> {
    let file = folder.join("catalogue.csv");
    corpus.write_csv(&file)?;

    Ok(import_into_fresh(&file, corpus.rows.len(), folder, cores)?.0)
}

/// Imports a file in a process of its own, on the core that is measured.
pub fn import_into_fresh(
    file: &Path,
    rows: usize,
    folder: &Path,
    cores: Cores,
) -> Result<(PathBuf, Imported)> {
    let store = folder.join("shop.db");
    let arguments = ["import-file", "--store", text(&store)?, "--file", text(file)?];
    let said = child::run_task(&arguments, cores)?;
    let imported: Imported =
        serde_json::from_str(&said).context("an import said something else")?;

    ensure!(imported.rows == rows as u64, "{} of {rows} rows went in", imported.rows);
    Ok((store, imported))
}

/// The task behind [`import_into_fresh`].
pub fn import(store: &Path, file: &Path) -> Result<()> {
    let items: Arc<dyn Items> = Arc::new(SqliteItems::open(store, TABLES)?);
    let world: Arc<dyn World> = Arc::new(SystemWorld);
    let catalog = Catalog::over(Db::new(Arc::clone(&items), Arc::clone(&world)));
    let importer = Importer::new(catalog, items, world, Actor::command("bench"));
    let job = ImportJob {
        file: CatalogFile::At(file.to_owned()),
        mapping: Mapping::default(),
        notation: Currency::USD.into(),
        dry_run: false,
    };

    let (started, before) = (Instant::now(), own_time());
    let report = servers::runtime()?.block_on(importer.run(&job, &mut ()))?;
    let (took, processor) = (started.elapsed(), own_time() - before);
    let peak = memory(process::id())?.peak;

    let imported = Imported { rows: report.tally.created, took, processor, peak };
    println!("{}", serde_json::to_string(&imported)?);
    Ok(())
}

pub fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

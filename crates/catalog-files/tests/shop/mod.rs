//! A shop in a temporary folder, for the tests that need a store.
#![allow(clippy::unwrap_used, dead_code, reason = "each test file uses a part of it")]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use async_trait::async_trait;
use catalog_files::{
    CatalogFile, Format, ImportError, ImportJob, ImportObserver, ImportReport, Importer, Mapping,
    Progress, RowError, Tally, Warning, export,
};
use domain::Currency;
use embedded::{SqliteItems, SystemWorld};
use ports::{
    Attributes, Items, Key, Page, PortError, PortErrorKind, Query, Scan, TransactError,
    Transaction, World,
};
use store::{Actor, Catalog, Db};
use tempfile::TempDir;

pub struct Shop {
    pub folder: TempDir,
    pub catalog: Catalog,
    pub items: Arc<dyn Items>,
    pub world: Arc<dyn World>,
    /// Transactions until the store goes away; below zero it is away.
    pub lives: Arc<AtomicI64>,
    /// By queries, so far.
    pub rows_read: Arc<AtomicUsize>,
}

impl Shop {
    pub fn open() -> Self {
        Self::on_an_engine(true)
    }

    /// On SQLite as it is, or as an engine that runs transactions in any order.
    pub fn on_an_engine(in_order: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteItems::open(&folder.path().join("shop.db"), store::schema::TABLES);
        let lives = Arc::new(AtomicI64::new(i64::MAX));
        let rows_read = Arc::new(AtomicUsize::default());
        let items: Arc<dyn Items> = Arc::new(Mortal {
            items: sqlite.unwrap(),
            in_order,
            lives: lives.clone(),
            rows_read: rows_read.clone(),
        });
        let world: Arc<dyn World> = Arc::new(SystemWorld);
        let catalog = Catalog::over(Db::new(items.clone(), world.clone()));

        Self { folder, catalog, items, world, lives, rows_read }
    }

    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub async fn import(
        &self,
        job: &ImportJob,
        seen: &mut Seen,
    ) -> Result<ImportReport, ImportError> {
        let by = Actor::command("import");
        let importer =
            Importer::new(self.catalog.clone(), self.items.clone(), self.world.clone(), by);

        importer.run(job, seen).await
    }

    /// Imports and expects that every row is in.
    pub async fn take_in(&self, path: &Path) -> Tally {
        let mut seen = Seen::default();
        let report = self.import(&job(path), &mut seen).await.unwrap();

        assert_eq!(seen.refused, []);
        report.tally
    }

    pub async fn export(&self, format: Format) -> Vec<u8> {
        let mut bytes = Vec::new();
        export(&self.catalog, &mut bytes, format, Currency::USD).await.unwrap();
        bytes
    }

    pub async fn head(&self) -> u64 {
        self.catalog.log().head().await.unwrap().head.0
    }
}

pub fn job(path: &Path) -> ImportJob {
    ImportJob {
        file: CatalogFile::At(path.to_owned()),
        mapping: Mapping::default(),
        notation: Currency::USD.into(),
        dry_run: false,
    }
}

/// Remembers what it was told.
#[derive(Default)]
pub struct Seen {
    pub resumed: Option<Tally>,
    pub refused: Vec<RowError>,
    pub row_warnings: Vec<RowError>,
    pub warnings: Vec<String>,
    pub last: Option<Progress>,
}

impl ImportObserver for Seen {
    fn began(&mut self, resumed: Option<&Tally>) -> io::Result<()> {
        self.resumed = resumed.copied();
        Ok(())
    }

    fn warned(&mut self, warning: &Warning) {
        self.warnings.push(warning.to_string());
    }

    fn refused(&mut self, error: &RowError) -> io::Result<()> {
        self.refused.push(error.clone());
        Ok(())
    }

    fn warned_of_row(&mut self, warning: &RowError) -> io::Result<()> {
        self.row_warnings.push(warning.clone());
        Ok(())
    }

    fn progressed(&mut self, progress: &Progress) {
        self.last = Some(*progress);
    }
}

/// A store that goes away after some transactions, for good, as a killed process sees it.
struct Mortal {
    items: SqliteItems,
    in_order: bool,
    lives: Arc<AtomicI64>,
    rows_read: Arc<AtomicUsize>,
}

impl Mortal {
    fn alive(&self) -> Result<(), PortError> {
        if self.lives.load(Ordering::SeqCst) > 0 {
            return Ok(());
        }
        Err(PortError::new(PortErrorKind::Invalid, "the process was killed"))
    }
}

#[async_trait]
impl Items for Mortal {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        self.alive()?;
        self.items.get(key).await
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        self.alive()?;
        self.items.batch_get(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        self.alive()?;
        let page = self.items.query(query).await?;
        self.rows_read.fetch_add(page.rows.len(), Ordering::SeqCst);
        Ok(page)
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        self.alive()?;
        self.items.scan(scan).await
    }

    fn runs_in_order(&self) -> bool {
        self.in_order
    }

    fn shows_transactions_whole(&self) -> bool {
        self.items.shows_transactions_whole()
    }

    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError> {
        self.alive().map_err(TransactError::Port)?;
        self.lives.fetch_sub(1, Ordering::SeqCst);
        self.items.transact(transaction).await
    }
}

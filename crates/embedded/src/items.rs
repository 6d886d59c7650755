//! The Items port on SQLite: DynamoDB's model in tables of one file.

mod apply;
mod fingerprint;
mod prepared;
mod range;
mod read;
mod schema;
mod statements;
mod sweep;
mod tokens;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use ports::{
    Attributes, Items, Key, Page, PortError, Query, Scan, TableDefinition, TransactError,
    Transaction, World,
};

use self::prepared::Prepared;
use self::schema::Schema;
use crate::sqlite::Database;
use crate::world::SystemWorld;

/// Items in one SQLite file that several processes may share.
///
/// A transaction that was answered survives a crash and a power loss. Dropping this finishes what is
/// queued and writes the log back into the file; it blocks for that long.
pub struct SqliteItems {
    schema: Arc<Schema>,
    database: Database,
}

impl SqliteItems {
    /// [`Self::open_with_clock`] with the machine's clock.
    pub fn open(path: &Path, tables: &'static [TableDefinition]) -> Result<Self, PortError> {
        Self::open_with_clock(path, tables, Arc::new(SystemWorld))
    }

    /// Opens the file, or creates it, with all tables and indexes of the definitions; a new index is
    /// filled from the items that exist. Blocks. The clock decides when transaction tokens expire.
    ///
    /// `Invalid` for definitions that contradict each other, `Corrupt` if the file is not a database
    /// or was written by a newer build, `Conflict` if another process holds it for longer than a
    /// transaction may take, `Unavailable` if the disk refuses.
    pub fn open_with_clock(
        path: &Path,
        tables: &'static [TableDefinition],
        clock: Arc<dyn World>,
    ) -> Result<Self, PortError> {
        let schema = Arc::new(Schema::of(tables)?);
        let database = Database::open(path, clock, |connection| schema.create_tables(connection))?;

        Ok(Self { schema, database })
    }

    /// Deletes the items whose time to live ended before `now_seconds` (since 1970); returns how
    /// many. Each few hundred are a transaction of their own, so that other writes run in between.
    pub async fn sweep(&self, now_seconds: i64) -> Result<u64, PortError> {
        let mut deleted = 0;

        for table in self.schema.expiring() {
            loop {
                let schema = self.schema.clone();
                let batch = self.database.write(0, move |connection, _| {
                    sweep::delete_batch(connection, &schema, table, now_seconds)
                });
                let batch = batch.await?;
                deleted += batch;
                if batch < sweep::BATCH {
                    break;
                }
            }
        }
        Ok(deleted)
    }

    /// A number that changes whenever any process has committed to the file; cheap enough to be
    /// polled many times a second.
    pub async fn data_version(&self) -> Result<i64, PortError> {
        self.database.data_version().await
    }
}

#[async_trait]
impl Items for SqliteItems {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        key.validate()?;
        let (schema, key) = (self.schema.clone(), key.clone());

        self.database.read(move |connection| read::get(connection, &schema, &key)).await
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        Key::validate_batch(keys)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (schema, keys) = (self.schema.clone(), keys.to_vec());

        self.database.read(move |connection| read::batch(connection, &schema, &keys)).await
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        query.validate()?;
        let (schema, query) = (self.schema.clone(), query.clone());

        self.database.read(move |connection| read::query(connection, &schema, &query)).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        scan.validate()?;
        let (schema, scan) = (self.schema.clone(), scan.clone());

        self.database.read(move |connection| read::scan(connection, &schema, &scan)).await
    }

    /// One queue leads to the one thread that writes, and the wait for space in it is first come,
    /// first served.
    fn runs_in_order(&self) -> bool {
        true
    }

    /// A reader's snapshot is of a moment between two commits.
    fn shows_transactions_whole(&self) -> bool {
        true
    }

    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError> {
        transaction.validate()?;
        let prepared = Prepared::of(transaction, &self.schema)?;
        let schema = self.schema.clone();

        self.database
            .write(prepared.size_bytes, move |connection, now| {
                apply::apply(connection, &schema, &prepared, now)
            })
            .await
    }
}

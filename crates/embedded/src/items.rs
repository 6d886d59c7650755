//! The Items port on one SQLite file that several processes share.
//!
//! Writes go through one thread that commits what has queued up meanwhile as a group; reads run
//! beside it, each on its own snapshot.

mod apply;
mod connection;
mod failure;
pub mod file;
mod files;
mod fingerprint;
mod prepared;
mod presence;
mod range;
mod read;
mod readers;
mod schema;
mod statements;
mod tokens;
mod turn;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use ports::{
    Attributes, Items, Key, Page, PortError, Query, Scan, TableDefinition, TransactError,
    Transaction,
};

use self::prepared::Prepared;
use self::presence::Presence;
use self::readers::Readers;
use self::schema::Schema;
use self::turn::Turn;
use self::writer::{Work, Writer};

/// DynamoDB's model in one SQLite file.
///
/// A transaction that was answered survives a crash and a power loss. Dropping it finishes what is
/// queued, writes the log back into the file and ends the thread; this blocks for that long.
pub struct SqliteItems {
    schema: Arc<Schema>,
    readers: Arc<Readers>,
    writer: Writer,
    /// Let go of last: until then nobody may replace the file.
    _presence: Presence,
}

impl SqliteItems {
    /// Opens the file, or makes it, with all that the definitions ask for; a new index is filled
    /// from the items that are there. Blocks.
    ///
    /// `Corrupt` if the file is none of ours or was written by a newer build, `Conflict` if another
    /// process holds it for longer than a transaction may take, `Unavailable` if the disk refuses.
    pub fn open(path: &Path, tables: &'static [TableDefinition]) -> Result<Self, PortError> {
        let schema = Arc::new(Schema::of(tables)?);
        connection::prepare_file(path)?;
        let presence = Presence::shared(path)?;
        let turn = Turn::open(path)?;
        let connection = {
            let _held = turn.take()?;
            let connection = connection::open_writer(path)?;
            schema.create(&connection)?;
            connection
        };
        let readers = Arc::new(Readers::open(path)?);
        let writer = Writer::spawn(path, connection, turn, schema.clone())?;

        Ok(Self { schema, readers, writer, _presence: presence })
    }

    /// Deletes the items whose time to live ended before `now_seconds` (since 1970), some hundreds a
    /// transaction so that others get their turn; the number of deleted items.
    pub async fn sweep(&self, now_seconds: i64) -> Result<u64, PortError> {
        let mut deleted = 0;

        for table in self.schema.swept() {
            loop {
                let batch = self.writer.run(Work::Sweep { table, now_seconds }).await;
                let batch = batch.map_err(failure::of_sweep)?;
                deleted += batch;
                if batch < schema::SWEEP_BATCH {
                    break;
                }
            }
        }
        Ok(deleted)
    }

    /// A number that changes whenever any process has committed to the file: cheap enough to ask
    /// many times a second before reading anything.
    pub async fn data_version(&self) -> Result<i64, PortError> {
        self.readers.data_version().await
    }
}

#[async_trait]
impl Items for SqliteItems {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        key.validate()?;
        let (schema, key) = (self.schema.clone(), key.clone());

        self.readers.with(move |connection| read::get(connection, &schema, &key)).await
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        Key::validate_batch(keys)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (schema, keys) = (self.schema.clone(), keys.to_vec());

        self.readers.with(move |connection| read::batch(connection, &schema, &keys)).await
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        query.validate()?;
        let (schema, query) = (self.schema.clone(), query.clone());

        self.readers.with(move |connection| read::query(connection, &schema, &query)).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        scan.validate()?;
        let (schema, scan) = (self.schema.clone(), scan.clone());

        self.readers.with(move |connection| read::scan(connection, &schema, &scan)).await
    }

    /// One queue leads to the one thread that writes, and the wait for room in it is first come,
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

        self.writer.run(Work::Transact(prepared)).await.map(|_| ())
    }
}

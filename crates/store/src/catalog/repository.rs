//! The catalogue's repository, and how its writes are committed.

use std::sync::Arc;

use domain::{LogId, Seq, Stamp};
use ports::{Query, Row, Table};

use crate::audit::{self, AuditRecord};
use crate::catalog::batch::CatalogBatch;
use crate::catalog::log::Log;
use crate::catalog::tag_context::CachedTagContext;
use crate::inventory::Inventory;
use crate::write::{Attempt, Db, WriteBatch};
use crate::{Author, StoreError, WriteContext, idempotency};

/// Reads are strongly consistent; every write goes into the change log and the audit list in its
/// own transaction.
#[derive(Clone)]
pub struct Catalog {
    pub(crate) db: Db,
    pub(crate) log: Arc<Log>,
    pub(crate) inventory: Inventory,
    pub(crate) tag_contexts: CachedTagContext,
}

/// A write that happened: what it left, and its place in the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed<T> {
    pub value: T,
    pub log: LogId,
    pub seq: Seq,
}

impl Catalog {
    pub fn new(db: Db, log: Arc<Log>) -> Self {
        let inventory = Inventory::new(db.clone());

        Self { db, log, inventory, tag_contexts: CachedTagContext::default() }
    }

    /// With a log of its own, for commands beside the shop.
    pub fn over(db: Db) -> Self {
        let log = Arc::new(Log::new(db.clone()));

        Self::new(db, log)
    }

    /// The stock of what is sold. Clones of one catalogue share its locks.
    pub const fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Commits a batch with its row in the audit list, with what the caller's idempotency key
    /// answers from then on and, where pages show what it changes, with its row in the change log.
    pub(crate) async fn commit<T>(
        &self,
        mut batch: CatalogBatch,
        by: WriteContext<'_, T>,
        record: AuditRecord<'_>,
        value: T,
    ) -> Attempt<Committed<T>> {
        by.record(&mut batch.writes, &value)?;
        audit::append(&mut batch.writes, &self.db, by.actor(), record)?;
        let (has_changes, moved) = (batch.has_changes(), batch.take_move());
        let committed = match has_changes {
            true => self.log.commit(&batch).await,
            false => self.commit_without_row(batch.writes).await,
        };

        by.remember(&committed);
        let place = committed?;
        if has_changes {
            self.tag_contexts.follow(moved);
        }
        Ok(Committed::at(place, value))
    }

    /// Commits batches that pages show one after the other, each as [`Catalog::commit`] does. There
    /// is an answer for every batch up to the first error, and maybe for some behind it.
    pub(crate) async fn commit_chain(
        &self,
        batches: Vec<(CatalogBatch, AuditRecord<'_>)>,
        by: &Author,
    ) -> Result<Vec<Attempt<Seq>>, StoreError> {
        let (mut chain, mut moves) = (Vec::new(), Vec::new());
        for (mut batch, record) in batches {
            by.step().record(&mut batch.writes, &())?;
            audit::append(&mut batch.writes, &self.db, by.actor(), record)?;
            moves.push(batch.take_move());
            chain.push(batch);
        }
        let answers = self.log.commit_chain(chain).await;

        let answers = answers.into_iter().zip(moves).map(|(answer, moved)| {
            by.step::<()>().remember(&answer);
            let place = answer?;
            self.tag_contexts.follow(moved);
            Ok(place.seq)
        });
        Ok(answers.collect())
    }

    /// A write that changes nothing appends nothing; it is the answer of its key all the same.
    pub(crate) async fn unchanged<T>(
        &self,
        by: WriteContext<'_, T>,
        value: T,
    ) -> Attempt<Committed<T>> {
        let mut writes = WriteBatch::new();
        by.record(&mut writes, &value)?;
        if writes.is_empty() {
            return Ok(Committed::at(self.log.head().await?.place(), value));
        }
        let committed = self.commit_without_row(writes).await;

        by.remember(&committed);
        Ok(Committed::at(committed?, value))
    }

    /// Commits what no page shows; its place is where the log stood before it.
    async fn commit_without_row(&self, mut writes: WriteBatch) -> Attempt<Stamp> {
        // Read first: a failure after the commit would tell the caller that nothing happened.
        let place = self.log.head().await?.place();
        if writes.records_answer() {
            idempotency::record_place(writes.actions_mut(), &place);
        }

        self.db.commit(writes).await?;
        Ok(place)
    }

    /// All rows of a partition that is known to be small.
    pub(crate) async fn partition(&self, partition: &str) -> Result<Vec<Row>, StoreError> {
        Ok(self.db.query_all(Query::partition(Table::Catalog, partition)).await?)
    }
}

impl<T> Committed<T> {
    fn at(place: Stamp, value: T) -> Self {
        Self { value, log: place.log, seq: place.seq }
    }

    pub fn stamp(&self) -> Stamp {
        Stamp { log: self.log.clone(), seq: self.seq }
    }

    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Committed<U> {
        Committed { value: with(self.value), log: self.log, seq: self.seq }
    }
}

//! Many catalogue rows at once: upsert by SKU, as many to a transaction as fit, each transaction
//! with its rows in the change log and in the audit list.

mod announcement;
mod content;
mod known;
mod row;
mod transaction;
mod upsert;

use domain::Timestamp;
use ports::{Action, Attributes, Key, Value};
use serde_json::json;

use crate::audit::AuditRecord;
use crate::bulk::announcement::Announcement;
use crate::bulk::known::Known;
use crate::bulk::transaction::{BulkTransaction, PlanInput};
use crate::catalog::{Catalog, CatalogBatch, TagContext};
use crate::write::{ATTEMPTS_MAX, ConflictCause, WriteBatch, WriteConflict};
use crate::{Author, StoreError};

pub use upsert::{Outcome, Upsert};

/// Rows whose items are read together, and whose transactions are sent together where that helps.
const CHUNK: usize = 256;

/// Written in the same transaction as the rows that it speaks of.
pub type Checkpoint = (Key, Attributes);

/// A running job. Where it runs under an idempotency key, each of its transactions is committed only
/// while the key is its own.
pub struct Bulk {
    catalog: Catalog,
    by: Author,
    context: TagContext,
    written: u64,
    announced_at: Option<Timestamp>,
    owes_announcement: bool,
}

impl Bulk {
    pub async fn new(catalog: Catalog, by: impl Into<Author>) -> Result<Self, StoreError> {
        let by = by.into();
        let context = catalog.tag_context().await?;

        Ok(Self { catalog, by, context, written: 0, announced_at: None, owes_announcement: false })
    }

    /// To be called after categories were made.
    pub async fn look_around(&mut self) -> Result<(), StoreError> {
        self.context = self.catalog.tag_context().await?;
        Ok(())
    }

    /// Writes `rows` in order and answers for each. `checkpoint(n)` is what to note down together
    /// with the transaction that completes the first `n` rows; where nothing was left to write it
    /// is noted down by itself at the end.
    pub async fn apply(
        &mut self,
        rows: &[Upsert],
        checkpoint: impl Fn(usize) -> Result<Option<Checkpoint>, StoreError>,
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut is_noted = true;

        for (chunk_at, chunk) in rows.chunks(CHUNK).enumerate() {
            let mut known = Known::load(&self.catalog, chunk).await?;
            let (mut at, mut tries) = (0, 0);
            while at < chunk.len() {
                let done_before = chunk_at * CHUNK + at;
                let writes =
                    self.plan(&mut known, &chunk[at..], |done| checkpoint(done_before + done))?;
                let (mut done, conflict) = self.commit(writes, &mut is_noted).await?;
                at += done.len();
                tries = if done.is_empty() { tries + 1 } else { 0 };
                outcomes.append(&mut done);

                match conflict {
                    None => {}
                    Some(conflict) if conflict.is_race() && tries < ATTEMPTS_MAX => {
                        self.catalog.db.backoff(tries).await;
                        self.look_around().await?;
                        known = Known::load(&self.catalog, chunk).await?;
                    }
                    Some(conflict) => return Err(conflict.into()),
                }
            }
        }
        if !is_noted && let Some((key, attributes)) = checkpoint(rows.len())? {
            self.note(key, attributes).await?;
        }
        Ok(outcomes)
    }

    async fn note(&self, key: Key, attributes: Attributes) -> Result<(), StoreError> {
        let mut put = WriteBatch::new();
        put.push(Action::Put { key, attributes, condition: None });
        if let Some(claimed) = self.by.claim() {
            put.push_or(claimed.check(), ConflictCause::ClaimLost);
        }

        Ok(self.catalog.db.commit(put).await?)
    }

    /// What [`Bulk::apply`] would answer, without writing anything. Categories that are not there
    /// are taken for ones that would be made.
    pub async fn rehearse(&self, rows: &[Upsert]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut featured = self.context.featured.clone();

        for chunk in rows.chunks(CHUNK) {
            let mut known = Known::load(&self.catalog, chunk).await?;
            let mut at = 0;
            while at < chunk.len() {
                let input = PlanInput { catalog: &self.catalog, known: &known, tree: None };
                let mut transaction = BulkTransaction::plan(input, &featured, &chunk[at..]);
                at += transaction.outcomes.len();
                outcomes.append(&mut transaction.outcomes);
                featured.clone_from(&transaction.featured);
                transaction.take_effect(&mut known);
            }
        }
        Ok(outcomes)
    }

    /// Keeps the promise of rows that were written without tags.
    pub async fn finish(mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.owes_announcement) {
            self.catalog.log().announce_everything().await?;
        }
        Ok(())
    }

    /// The transactions for `rows`; each is planned as if those before it had happened.
    fn plan(
        &mut self,
        known: &mut Known,
        rows: &[Upsert],
        checkpoint: impl Fn(usize) -> Result<Option<Checkpoint>, StoreError>,
    ) -> Result<Vec<ChainedWrite>, StoreError> {
        let mut writes = Vec::new();
        let mut at = 0;
        let (mut written, mut announced_at) = (self.written, self.announced_at);

        while at < rows.len() {
            let tree = Some(&*self.context.tree);
            let input = PlanInput { catalog: &self.catalog, known, tree };
            let mut transaction = BulkTransaction::plan(input, &self.context.featured, &rows[at..]);
            let outcomes = std::mem::take(&mut transaction.outcomes);
            at += outcomes.len();
            let products = transaction.touched_products();
            let context_after = transaction.features().then(|| {
                let random = self.catalog.db.random();
                let featured = transaction.featured.clone();
                self.context.with_featured(featured, random)
            });
            let work = if transaction.is_idle() {
                None
            } else {
                written += products;
                let announcement = Announcement::of(written, announced_at, self.catalog.db.now());
                announced_at = announcement.announced_at().or(announced_at);
                Some(self.work(
                    &transaction,
                    checkpoint(at)?,
                    announcement,
                    context_after.clone(),
                )?)
            };
            if let Some(after) = context_after {
                self.context = after;
            }
            transaction.take_effect(known);
            writes.push(ChainedWrite { outcomes, products, work });
        }
        Ok(writes)
    }

    fn work(
        &self,
        transaction: &BulkTransaction,
        checkpoint: Option<Checkpoint>,
        announcement: Announcement,
        context_after: Option<TagContext>,
    ) -> Result<Work, StoreError> {
        let mut batch =
            transaction.plan_actions(&self.context, self.by.actor(), self.catalog.db.now())?;
        if let Some((key, attributes)) = checkpoint {
            batch.writes.push(Action::Put { key, attributes, condition: None });
        }
        if batch.has_changes() {
            let context = &self.context;
            match context_after {
                Some(after) => batch.moves(context, Some(after)),
                None => batch.writes.push(context.check()),
            }
            announcement.append_to(&mut batch);
        }

        Ok(Work { batch, details: json!({ "skus": transaction.touched_skus() }), announcement })
    }

    /// Commits writes in order; answers what became of the rows before the first that was not
    /// committed, and why that was.
    async fn commit(
        &mut self,
        writes: Vec<ChainedWrite>,
        is_noted: &mut bool,
    ) -> Result<(Vec<Outcome>, Option<WriteConflict>), StoreError> {
        let mut done = Vec::new();
        let mut waiting = Vec::new();
        let mut chain = Vec::new();

        for ChainedWrite { outcomes, products, work } in writes {
            let Some(Work { batch, details, announcement }) = work else {
                waiting.push(Waiting { outcomes, products, announcement: None });
                *is_noted = false;
                continue;
            };
            *is_noted = true;
            let record = AuditRecord { action: "import.rows", entity: "catalog".into(), details };
            if batch.has_changes() {
                chain.push((batch, record));
                waiting.push(Waiting { outcomes, products, announcement: Some(announcement) });
                continue;
            }
            // Stock alone: no row in the log, so it is no part of the chain.
            if let Some(conflict) = self.settle(&mut chain, &mut waiting, &mut done).await? {
                return Ok((done, Some(conflict)));
            }
            match self.catalog.commit(batch, self.by.step(), record, ()).await {
                Ok(_) => done.extend(outcomes),
                Err(conflict) => return Ok((done, Some(conflict))),
            }
        }
        let conflict = self.settle(&mut chain, &mut waiting, &mut done).await?;
        Ok((done, conflict))
    }

    /// Sends the chain and moves what is certain from `waiting` to `done`.
    async fn settle(
        &mut self,
        chain: &mut Vec<(CatalogBatch, AuditRecord<'_>)>,
        waiting: &mut Vec<Waiting>,
        done: &mut Vec<Outcome>,
    ) -> Result<Option<WriteConflict>, StoreError> {
        let answers = self.catalog.commit_chain(std::mem::take(chain), &self.by).await?;
        let mut answers = answers.into_iter();

        for Waiting { outcomes, products, announcement } in waiting.drain(..) {
            if let Some(announcement) = announcement {
                match answers.next() {
                    Some(Ok(_)) => {
                        self.written += products;
                        self.announced(&announcement);
                    }
                    Some(Err(conflict)) => return Ok(Some(conflict)),
                    None => return Ok(Some(WriteConflict::Stale)),
                }
            }
            done.extend(outcomes);
        }
        Ok(None)
    }

    fn announced(&mut self, announcement: &Announcement) {
        match announcement {
            Announcement::Exact => {}
            Announcement::Quiet => self.owes_announcement = true,
            Announcement::Loud(at) => {
                self.announced_at = Some(*at);
                self.owes_announcement = false;
            }
        }
    }
}

/// One transaction's rows.
struct ChainedWrite {
    outcomes: Vec<Outcome>,
    products: u64,
    /// `None` where nothing changes.
    work: Option<Work>,
}

struct Work {
    batch: CatalogBatch,
    details: Value,
    announcement: Announcement,
}

/// Rows whose transaction is in a chain that has no answer yet, or that need none.
struct Waiting {
    outcomes: Vec<Outcome>,
    products: u64,
    announcement: Option<Announcement>,
}

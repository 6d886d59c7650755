//! Many catalogue rows at once: upsert by SKU, as many to a transaction as fit, each transaction
//! with its rows in the change log and in the audit list.

mod known;
mod slice;

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{CategoryId, FieldError, Image, Money, ProductId, Sku, Slug, Status, Tag, Timestamp};
use ports::{Action, Attributes, Key, Value};
use serde_json::json;

use crate::bulk::known::Known;
use crate::bulk::slice::Slice;
use crate::catalog::plan::Plan;
use crate::catalog::{Catalog, Surroundings, What};
use crate::{Actor, StoreError};

/// A job that has written more products leaves their tags out and names the whole catalogue.
const EXACT_AT_MOST: u64 = 1_000;
/// So often, so that followers see a large job's rows within their bound of four seconds.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(2);
/// Rows whose items are read together, and whose transactions are sent together where that helps.
const CHUNK: usize = 256;
/// Somebody edits the same products by hand; after so many losses the operator should know.
const TRIES: usize = 8;

/// One row: a variant, and what its product should be. What is left out (the outer `None`) stays as
/// it is, and is empty in a new product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upsert {
    pub sku: Sku,
    /// Given: rows with the same slug are variants of one product. Left out: the product of the
    /// SKU, or a new one under a slug made of its name.
    pub slug: Option<Slug>,
    pub name: String,
    pub description: Option<String>,
    pub brand: Option<Option<String>>,
    pub category: CategoryId,
    pub status: Option<Status>,
    pub images: Option<Vec<Image>>,
    /// Merged: a name with `None` is taken out.
    pub attributes: BTreeMap<String, Option<String>>,
    /// Merged as well.
    pub options: BTreeMap<String, Option<String>>,
    pub price: Money,
    pub compare_at: Option<Option<Money>>,
    /// Pieces on hand; left out: nothing is said about stock (none, for a new SKU).
    pub stock: Option<i64>,
    /// Left out: the featured list stays as it is.
    pub featured: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created(ProductId),
    Updated(ProductId),
    Unchanged(ProductId),
    /// Why this row did not go in; `pointer` names its column.
    Refused(FieldError),
}

/// Written in the same transaction as the rows that it speaks of.
pub type Checkpoint = (Key, Attributes);

/// A running job.
pub struct Bulk {
    catalog: Catalog,
    by: Actor,
    around: Surroundings,
    written: u64,
    announced_at: Option<Timestamp>,
    owes_announcement: bool,
}

impl Bulk {
    pub async fn new(catalog: Catalog, by: Actor) -> Result<Self, StoreError> {
        let around = catalog.surroundings().await?;

        Ok(Self { catalog, by, around, written: 0, announced_at: None, owes_announcement: false })
    }

    /// To be called after categories were made.
    pub async fn look_around(&mut self) -> Result<(), StoreError> {
        self.around = self.catalog.surroundings().await?;
        Ok(())
    }

    /// Writes `rows` in order and answers for each. `checkpoint(n)` is what to note down together
    /// with the transaction that completes the first `n` rows.
    pub async fn apply(
        &mut self,
        rows: &[Upsert],
        checkpoint: impl Fn(usize) -> Result<Option<Checkpoint>, StoreError>,
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(rows.len());

        for (chunk_at, chunk) in rows.chunks(CHUNK).enumerate() {
            let mut known = Known::load(&self.catalog, chunk).await?;
            let mut at = 0;
            let mut tries = 0;
            while at < chunk.len() {
                let done_before = chunk_at * CHUNK + at;
                let links = self.plan(&mut known, &chunk[at..], |done| {
                    checkpoint(done_before + done)
                })?;
                let (mut done, lost) = self.commit(links).await?;
                at += done.len();
                tries = if done.is_empty() { tries + 1 } else { 0 };
                outcomes.append(&mut done);

                match lost {
                    None => {}
                    Some(error) if is_race(&error) && tries < TRIES => {
                        self.look_around().await?;
                        known = Known::load(&self.catalog, chunk).await?;
                    }
                    Some(error) => return Err(error),
                }
            }
        }
        Ok(outcomes)
    }

    /// What [`Bulk::apply`] would answer, without writing anything.
    pub async fn rehearse(&self, rows: &[Upsert]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(rows.len());

        for chunk in rows.chunks(CHUNK) {
            let mut known = Known::load(&self.catalog, chunk).await?;
            let mut at = 0;
            while at < chunk.len() {
                let mut slice = Slice::plan(&self.catalog, &known, &chunk[at..]);
                at += slice.outcomes.len();
                outcomes.append(&mut slice.outcomes);
                known.take_over(slice);
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
    ) -> Result<Vec<Link>, StoreError> {
        let mut links = Vec::new();
        let mut at = 0;
        let mut written = self.written;

        while at < rows.len() {
            let mut slice = Slice::plan(&self.catalog, known, &rows[at..]);
            let outcomes = std::mem::take(&mut slice.outcomes);
            at += outcomes.len();
            let work = if slice.is_idle() {
                None
            } else {
                written += slice.touched_products();
                Some(self.work(&slice, checkpoint(at)?, written)?)
            };
            links.push(Link { outcomes, products: slice.touched_products(), work });
            known.take_over(slice);
        }
        Ok(links)
    }

    fn work(
        &mut self,
        slice: &Slice,
        checkpoint: Option<Checkpoint>,
        written: u64,
    ) -> Result<Work, StoreError> {
        let now = self.catalog.world.now();
        let mut plan = slice.plan_actions(&self.around, &self.by, now)?;
        if let Some((key, attributes)) = checkpoint {
            let action = Action::Put { key, attributes, condition: None };
            plan.push(action, crate::catalog::plan::Meaning::StockMoved);
        }
        let quiet = plan.has_changes() && self.hush(&mut plan, written, now);

        Ok(Work { plan, details: json!({ "skus": slice.touched_skus() }), quiet })
    }

    /// Commits links in order; answers what became of the rows before the first that was lost, and
    /// why that was.
    async fn commit(
        &mut self,
        links: Vec<Link>,
    ) -> Result<(Vec<Outcome>, Option<StoreError>), StoreError> {
        let mut done = Vec::new();
        let mut waiting = Vec::new();
        let mut chain = Vec::new();

        for Link { mut outcomes, products, work } in links {
            let Some(Work { plan, details, quiet }) = work else {
                waiting.push((outcomes, products, None));
                continue;
            };
            let what = What { action: "import.rows", entity: "catalog".into(), details };
            if plan.has_changes() {
                chain.push((plan, what));
                waiting.push((outcomes, products, Some(quiet)));
                continue;
            }
            // Stock alone: no row in the log, so it is no part of the chain.
            if let Some(lost) = self.settle(&mut chain, &mut waiting, &mut done).await? {
                return Ok((done, Some(lost)));
            }
            match self.catalog.commit_quietly(plan, &self.by, what, ()).await {
                Ok(_) => done.append(&mut outcomes),
                Err(lost) => return Ok((done, Some(lost))),
            }
        }
        let lost = self.settle(&mut chain, &mut waiting, &mut done).await?;
        Ok((done, lost))
    }

    /// Sends the chain and moves what is certain from `waiting` to `done`.
    async fn settle(
        &mut self,
        chain: &mut Vec<(Plan, What<'_>)>,
        waiting: &mut Vec<(Vec<Outcome>, u64, Option<bool>)>,
        done: &mut Vec<Outcome>,
    ) -> Result<Option<StoreError>, StoreError> {
        let answers = self.catalog.commit_chain(std::mem::take(chain), &self.by).await?;
        let mut answers = answers.into_iter();

        for (mut outcomes, products, quiet) in waiting.drain(..) {
            if let Some(quiet) = quiet {
                match answers.next() {
                    Some(Ok(_)) => {
                        self.written += products;
                        self.owes_announcement = quiet;
                    }
                    Some(Err(lost)) => return Ok(Some(lost)),
                    None => return Ok(Some(StoreError::Busy)),
                }
            }
            done.append(&mut outcomes);
        }
        Ok(None)
    }

    /// Decides what a transaction says in the change log; answers whether an announcement is owed.
    fn hush(&mut self, plan: &mut Plan, written: u64, now: Timestamp) -> bool {
        if written <= EXACT_AT_MOST {
            return false;
        }
        let is_due = self.announced_at.is_none_or(|at| now.since(at) >= ANNOUNCE_EVERY);
        plan.quieten();
        if is_due {
            self.announced_at = Some(now);
            plan.tag([Tag::CATALOG]);
        }
        !is_due
    }
}

/// One transaction's rows.
struct Link {
    outcomes: Vec<Outcome>,
    products: u64,
    /// `None` where nothing changes.
    work: Option<Work>,
}

struct Work {
    plan: Plan,
    details: Value,
    /// It owes the log an announcement.
    quiet: bool,
}

/// Somebody else was faster; reading again tells what to do.
const fn is_race(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Busy
            | StoreError::VersionMismatch { .. }
            | StoreError::NotFound(_)
            | StoreError::SlugTaken(_)
            | StoreError::SkuTaken(_)
    )
}

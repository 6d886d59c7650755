//! Many catalogue rows at once: upsert by SKU, as many to a transaction as fit, each transaction
//! with its rows in the change log and in the audit list.

mod content;
mod known;
mod row;
mod slice;
mod upsert;
mod voice;

use domain::Timestamp;
use ports::{Action, Attributes, Key, Transaction, Value};
use serde_json::json;

use crate::bulk::known::Known;
use crate::bulk::slice::{Ground, Slice};
use crate::bulk::voice::Voice;
use crate::catalog::lost::Lost;
use crate::catalog::plan::Plan;
use crate::catalog::surroundings::Surroundings;
use crate::catalog::{Catalog, What};
use crate::delivery::{self, Settled, TRIES};
use crate::{Author, ClaimedKey, StoreError};

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
    around: Surroundings,
    written: u64,
    announced_at: Option<Timestamp>,
    owes_announcement: bool,
}

impl Bulk {
    pub async fn new(catalog: Catalog, by: impl Into<Author>) -> Result<Self, StoreError> {
        let by = by.into();
        let around = catalog.surroundings().await?;

        Ok(Self { catalog, by, around, written: 0, announced_at: None, owes_announcement: false })
    }

    /// To be called after categories were made.
    pub async fn look_around(&mut self) -> Result<(), StoreError> {
        self.around = self.catalog.surroundings().await?;
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
                let links =
                    self.plan(&mut known, &chunk[at..], |done| checkpoint(done_before + done))?;
                let (mut done, lost) = self.commit(links, &mut is_noted).await?;
                at += done.len();
                tries = if done.is_empty() { tries + 1 } else { 0 };
                outcomes.append(&mut done);

                match lost {
                    None => {}
                    Some(lost) if is_race(&lost) && tries < TRIES => {
                        delivery::pause(&*self.catalog.world, tries).await;
                        self.look_around().await?;
                        known = Known::load(&self.catalog, chunk).await?;
                    }
                    Some(Lost::Moved) => return Err(StoreError::Busy),
                    Some(Lost::For(error)) => return Err(error),
                }
            }
        }
        if !is_noted && let Some((key, attributes)) = checkpoint(rows.len())? {
            self.note(key, attributes).await?;
        }
        Ok(outcomes)
    }

    async fn note(&self, key: Key, attributes: Attributes) -> Result<(), StoreError> {
        let mut put = Transaction::new().put(key, attributes);
        put.actions.extend(self.by.claim().map(ClaimedKey::check));

        match delivery::settle(&*self.catalog.items, &*self.catalog.world, put).await? {
            Settled::Done => Ok(()),
            Settled::Lost(_) => Err(StoreError::ClaimLost),
        }
    }

    /// What [`Bulk::apply`] would answer, without writing anything. Categories that are not there
    /// are taken for ones that would be made.
    pub async fn rehearse(&self, rows: &[Upsert]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut featured = self.around.featured.clone();

        for chunk in rows.chunks(CHUNK) {
            let mut known = Known::load(&self.catalog, chunk).await?;
            let mut at = 0;
            while at < chunk.len() {
                let ground = Ground { catalog: &self.catalog, known: &known, tree: None };
                let mut slice = Slice::plan(ground, &featured, &chunk[at..]);
                at += slice.outcomes.len();
                outcomes.append(&mut slice.outcomes);
                featured.clone_from(&slice.featured);
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
        let (mut written, mut announced_at) = (self.written, self.announced_at);

        while at < rows.len() {
            let tree = Some(&*self.around.tree);
            let ground = Ground { catalog: &self.catalog, known, tree };
            let mut slice = Slice::plan(ground, &self.around.featured, &rows[at..]);
            let outcomes = std::mem::take(&mut slice.outcomes);
            at += outcomes.len();
            let products = slice.touched_products();
            let around_after = slice.features().then(|| {
                let random = self.catalog.world.random();
                let featured = slice.featured.clone();
                self.around.with_featured(featured, random)
            });
            let work = if slice.is_idle() {
                None
            } else {
                written += products;
                let voice = Voice::of(written, announced_at, self.catalog.world.now());
                announced_at = voice.announced_at().or(announced_at);
                Some(self.work(&slice, checkpoint(at)?, voice, around_after.clone())?)
            };
            if let Some(after) = around_after {
                self.around = after;
            }
            known.take_over(slice);
            links.push(Link { outcomes, products, work });
        }
        Ok(links)
    }

    fn work(
        &self,
        slice: &Slice,
        checkpoint: Option<Checkpoint>,
        voice: Voice,
        around_after: Option<Surroundings>,
    ) -> Result<Work, StoreError> {
        let mut plan =
            slice.plan_actions(&self.around, self.by.actor(), self.catalog.world.now())?;
        if let Some((key, attributes)) = checkpoint {
            plan.push(Action::Put { key, attributes, condition: None });
        }
        if plan.has_changes() {
            let around = &self.around;
            match around_after {
                Some(after) => plan.moves(around, Some(after)),
                None => plan.push(around.check()),
            }
            voice.speak(&mut plan);
        }

        Ok(Work { plan, details: json!({ "skus": slice.touched_skus() }), voice })
    }

    /// Commits links in order; answers what became of the rows before the first that was lost, and
    /// why that was.
    async fn commit(
        &mut self,
        links: Vec<Link>,
        is_noted: &mut bool,
    ) -> Result<(Vec<Outcome>, Option<Lost>), StoreError> {
        let mut done = Vec::new();
        let mut waiting = Vec::new();
        let mut chain = Vec::new();

        for Link { outcomes, products, work } in links {
            let Some(Work { plan, details, voice }) = work else {
                waiting.push(Waiting { outcomes, products, voice: None });
                *is_noted = false;
                continue;
            };
            *is_noted = true;
            let what = What { action: "import.rows", entity: "catalog".into(), details };
            if plan.has_changes() {
                chain.push((plan, what));
                waiting.push(Waiting { outcomes, products, voice: Some(voice) });
                continue;
            }
            // Stock alone: no row in the log, so it is no part of the chain.
            if let Some(lost) = self.settle(&mut chain, &mut waiting, &mut done).await? {
                return Ok((done, Some(lost)));
            }
            match self.catalog.commit_without_row(plan, self.by.step(), what, ()).await {
                Ok(_) => done.extend(outcomes),
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
        waiting: &mut Vec<Waiting>,
        done: &mut Vec<Outcome>,
    ) -> Result<Option<Lost>, StoreError> {
        let answers = self.catalog.commit_chain(std::mem::take(chain), &self.by).await?;
        let mut answers = answers.into_iter();

        for Waiting { outcomes, products, voice } in waiting.drain(..) {
            if let Some(voice) = voice {
                match answers.next() {
                    Some(Ok(_)) => {
                        self.written += products;
                        self.has_spoken(&voice);
                    }
                    Some(Err(lost)) => return Ok(Some(lost)),
                    None => return Ok(Some(Lost::Moved)),
                }
            }
            done.extend(outcomes);
        }
        Ok(None)
    }

    fn has_spoken(&mut self, voice: &Voice) {
        match voice {
            Voice::Exact => {}
            Voice::Quiet => self.owes_announcement = true,
            Voice::Loud(at) => {
                self.announced_at = Some(*at);
                self.owes_announcement = false;
            }
        }
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
    voice: Voice,
}

/// Rows whose transaction is in a chain that has no answer yet, or that need none.
struct Waiting {
    outcomes: Vec<Outcome>,
    products: u64,
    voice: Option<Voice>,
}

/// Somebody else was faster; reading again tells what to do.
const fn is_race(lost: &Lost) -> bool {
    matches!(lost, Lost::Moved | Lost::For(StoreError::SlugTaken(_) | StoreError::SkuTaken(_)))
}

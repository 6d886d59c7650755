//! The catalogue: products, categories, collections, lists and stock.

mod categories;
mod collections;
mod contents;
mod lists;
pub(crate) mod lost;
mod marks;
mod partition;
pub(crate) mod plan;
mod product_reads;
mod products;
mod remembered;
mod stock;
pub(crate) mod surroundings;
mod turns;
mod variants;

use std::sync::Arc;

use domain::{LogId, Seq, Stamp};
use ports::{Action, Items, PortError, Query, Row, Table, Value, World};

pub use contents::Contents;
pub use lists::{FEATURED_MAX, FeaturedList, RANKING_MAX, Ranking};
pub use stock::Adjusted;

pub(crate) use lists::push_featured;
pub(crate) use partition::check_size;
pub(crate) use products::touch;
pub(crate) use stock::with_level;

use crate::audit;
use crate::catalog::lost::Try;
use crate::catalog::plan::{Parts, Plan};
use crate::catalog::remembered::Remembered;
use crate::catalog::turns::Turns;
use crate::{Actor, Author, Log, StoreError, WriteContext, keys};

/// Reads are strongly consistent; every write goes into the change log and the audit list in its
/// own transaction.
#[derive(Clone)]
pub struct Catalog {
    pub(crate) items: Arc<dyn Items>,
    pub(crate) world: Arc<dyn World>,
    pub(crate) log: Arc<Log>,
    pub(crate) turns: Turns,
    pub(crate) remembered: Remembered,
}

/// A write that happened: what it left, and its place in the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed<T> {
    pub value: T,
    pub log: LogId,
    pub seq: Seq,
}

impl Catalog {
    pub fn new(items: Arc<dyn Items>, world: Arc<dyn World>, log: Arc<Log>) -> Self {
        Self { items, world, log, turns: Turns::default(), remembered: Remembered::default() }
    }

    /// With a log of its own, for commands beside the shop.
    pub fn over(items: Arc<dyn Items>, world: Arc<dyn World>) -> Self {
        let log = Arc::new(Log::new(Arc::clone(&items), Arc::clone(&world)));

        Self::new(items, world, log)
    }

    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Commits a plan with its rows in the change log and in the audit list, and with what the
    /// caller's idempotency key answers from then on.
    pub(crate) async fn commit<T>(
        &self,
        mut plan: Plan,
        by: WriteContext<'_, T>,
        what: What<'_>,
        value: T,
    ) -> Try<Committed<T>> {
        by.record(&mut plan, &value)?;
        let Parts { mut actions, meanings, row, moved } = plan.into_parts();
        actions.push(self.audited(by.actor(), what)?);

        match self.log.commit(actions, row).await {
            Ok((log, seq)) => {
                self.remembered.follow(moved);
                Ok(by.committed(Committed { value, log, seq }))
            }
            Err(error) => Err(meanings.explain(error)),
        }
    }

    /// Commits plans one after the other, each as [`Catalog::commit`] does. There is an answer for
    /// every plan up to the first error, and maybe for some behind it.
    pub(crate) async fn commit_chain(
        &self,
        plans: Vec<(Plan, What<'_>)>,
        by: &Author,
    ) -> Result<Vec<Try<Seq>>, StoreError> {
        let (mut links, mut outcomes) = (Vec::new(), Vec::new());
        for (mut plan, what) in plans {
            by.step().record(&mut plan, &())?;
            let Parts { mut actions, meanings, row, moved } = plan.into_parts();
            actions.push(self.audited(by.actor(), what)?);
            links.push((actions, row));
            outcomes.push((meanings, moved));
        }
        let answers = self.log.commit_chain(links).await;

        let answers = answers.into_iter().zip(outcomes).map(|(answer, (meanings, moved))| {
            let (_, seq) = answer.map_err(|error| meanings.explain(error))?;
            self.remembered.follow(moved);
            Ok(seq)
        });
        Ok(answers.collect())
    }

    /// What no page shows needs no row in the change log.
    pub(crate) async fn commit_without_row<T>(
        &self,
        mut plan: Plan,
        by: WriteContext<'_, T>,
        what: What<'_>,
        value: T,
    ) -> Try<Committed<T>> {
        by.record(&mut plan, &value)?;
        let Parts { mut actions, meanings, row, .. } = plan.into_parts();
        actions.push(self.audited(by.actor(), what)?);

        match self.log.commit_without_row(actions, &row).await {
            Ok((log, seq)) => Ok(by.committed(Committed { value, log, seq })),
            Err(error) => Err(meanings.explain(error)),
        }
    }

    /// A write that changes nothing appends nothing; it is the answer of its key all the same.
    pub(crate) async fn unchanged<T>(
        &self,
        by: WriteContext<'_, T>,
        value: T,
    ) -> Try<Committed<T>> {
        let mut plan = Plan::default();
        by.record(&mut plan, &value)?;
        let Parts { actions, meanings, row, .. } = plan.into_parts();
        if actions.is_empty() {
            let head = self.log.head().await?;
            return Ok(Committed { value, log: head.log, seq: head.head });
        }

        match self.log.commit_without_row(actions, &row).await {
            Ok((log, seq)) => Ok(by.committed(Committed { value, log, seq })),
            Err(error) => Err(meanings.explain(error)),
        }
    }

    fn audited(&self, by: &Actor, what: What<'_>) -> Result<Action, PortError> {
        audit::entry(&*self.world, by, what.action, what.entity, what.details)
    }

    /// All rows of a partition that is known to be small.
    pub(crate) async fn partition(&self, partition: &str) -> Result<Vec<Row>, PortError> {
        let mut rows = Vec::new();
        let mut query = Query::partition(Table::Catalog, partition);

        loop {
            let page = self.items.query(&query).await?;
            rows.extend(page.rows);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(rows),
            }
        }
    }
}

impl<T> Committed<T> {
    pub fn stamp(&self) -> Stamp {
        Stamp { log: self.log.clone(), seq: self.seq }
    }

    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Committed<U> {
        Committed { value: with(self.value), log: self.log, seq: self.seq }
    }
}

/// What the audit list says of a write.
pub(crate) struct What<'a> {
    pub action: &'a str,
    pub entity: String,
    pub details: Value,
}

pub(crate) fn stored<T: serde::de::DeserializeOwned>(
    row: Row,
    what: &'static str,
) -> Result<T, PortError> {
    row.attributes.parse(what)
}

/// Slugs are looked up by their claim.
pub(crate) async fn claimed_by<T: serde::de::DeserializeOwned>(
    items: &dyn Items,
    of: keys::SlugOf,
    slug: &domain::Slug,
) -> Result<Option<T>, PortError> {
    #[derive(serde::Deserialize)]
    struct Claim<T> {
        id: T,
    }
    let claim = items.get(&keys::slug(of, slug)).await?;

    claim.map(|item| item.parse::<Claim<T>>("a slug's claim")).transpose().map(|c| c.map(|c| c.id))
}

//! The catalogue: products, categories, collections, lists and stock.

mod categories;
mod collections;
mod contents;
mod lists;
mod marks;
pub(crate) mod plan;
mod products;
mod stock;
mod variants;

use std::sync::Arc;

use domain::{CategoryTree, Collection, CollectionId, LogId, Seq, Stamp};
use ports::{Items, PortError, Query, Row, Table, Value, World};

pub use contents::Contents;
pub use lists::{FEATURED_MAX, FeaturedList, RANKING_MAX, Ranking};
pub use stock::Adjusted;

pub(crate) use lists::push_featured;
pub(crate) use stock::{push_level, with_level};

use crate::audit::{self, Actor};
use crate::catalog::plan::Plan;
use crate::{Log, StoreError, keys};

/// Reads are strongly consistent; every write goes into the change log and the audit list in its
/// own transaction.
#[derive(Clone)]
pub struct Catalog {
    pub(crate) items: Arc<dyn Items>,
    pub(crate) world: Arc<dyn World>,
    pub(crate) log: Arc<Log>,
}

/// A write that happened: what it left, and its place in the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed<T> {
    pub value: T,
    pub log: LogId,
    pub seq: Seq,
}

/// What the tags of a write are worked out from.
pub(crate) struct Surroundings {
    pub tree: CategoryTree,
    pub collections: Vec<Collection>,
}

impl Catalog {
    pub fn new(items: Arc<dyn Items>, world: Arc<dyn World>, log: Arc<Log>) -> Self {
        Self { items, world, log }
    }

    /// With a log of its own, for commands beside the shop.
    pub fn over(items: Arc<dyn Items>, world: Arc<dyn World>) -> Self {
        let log = Arc::new(Log::new(Arc::clone(&items), Arc::clone(&world)));

        Self::new(items, world, log)
    }

    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    pub(crate) async fn surroundings(&self) -> Result<Surroundings, StoreError> {
        let (tree, collections) = tokio::try_join!(self.tree(), self.collections())?;

        Ok(Surroundings { tree, collections })
    }

    /// Commits a plan with its rows in the change log and in the audit list.
    pub(crate) async fn commit<T>(
        &self,
        plan: Plan,
        by: &Actor,
        what: What<'_>,
        value: T,
    ) -> Result<Committed<T>, StoreError> {
        let (mut actions, meanings, row) = plan.into_parts();
        actions.push(audit::entry(&*self.world, by, what.action, what.entity, what.details)?);

        match self.log.commit(actions, row).await {
            Ok((log, seq)) => Ok(Committed { value, log, seq }),
            Err(error) => Err(meanings.explain(error)),
        }
    }

    /// Commits plans one after the other, each as [`Catalog::commit`] does. There is an answer for
    /// every plan up to the first error, and maybe for some behind it.
    pub(crate) async fn commit_chain(
        &self,
        plans: Vec<(Plan, What<'_>)>,
        by: &Actor,
    ) -> Result<Vec<Result<Seq, StoreError>>, StoreError> {
        let (mut links, mut explain) = (Vec::new(), Vec::new());
        for (plan, what) in plans {
            let (mut actions, meanings, row) = plan.into_parts();
            actions.push(audit::entry(&*self.world, by, what.action, what.entity, what.details)?);
            links.push((actions, row));
            explain.push(meanings);
        }
        let answers = self.log.commit_chain(links).await;

        Ok(answers
            .into_iter()
            .zip(explain)
            .map(|(answer, meanings)| {
                answer.map(|(_, seq)| seq).map_err(|error| meanings.explain(error))
            })
            .collect())
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

impl Surroundings {
    /// The collections that hold any of these states of a product.
    pub fn collections_of<'a>(
        &'a self,
        states: impl IntoIterator<Item = &'a domain::CatalogProduct> + Clone + 'a,
    ) -> impl Iterator<Item = CollectionId> + 'a {
        self.collections
            .iter()
            .filter(move |collection| {
                states.clone().into_iter().any(|state| collection.contains(state, &self.tree))
            })
            .map(|collection| collection.id)
    }
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

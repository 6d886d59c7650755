//! What the tags of a product's write are worked out from beside the product itself: the tree, the
//! collections and the lists that name it.

use std::sync::Arc;

use domain::{
    CatalogProduct, CategoryId, CategoryTree, Collection, CollectionId, Membership, ProductId,
};
use ports::{Action, Attributes, Condition, Update};

use crate::catalog::lists::Rankings;
use crate::catalog::{Catalog, FeaturedList};
use crate::log::VISIBLE_AFTER;
use crate::{StoreError, keys};

const VERSION: &str = "version";
const MARK: &str = "mark";

/// Read before a write and checked or counted up in its transaction, so that the tags are those of
/// the state that the write really meets: else a category that moves meanwhile would leave the
/// lists above its new place untouched by the write.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(super) mark: Mark,
    /// The mark that this write leaves if it changes them.
    next: Mark,
    /// Nothing of the write that left the mark was still invisible when they were read.
    pub(super) is_whole: bool,
    pub tree: Arc<CategoryTree>,
    pub collections: Arc<Vec<Collection>>,
    pub featured: FeaturedList,
    pub rankings: Arc<Rankings>,
}

/// Names one state of the surroundings: a count, and random digits for a store that was put back
/// and counts the same numbers again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    version: i64,
    digits: Option<String>,
}

/// A write's move from one mark to the next.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(super) from: Mark,
    pub(super) mark: Mark,
    pub(super) after: Option<Surroundings>,
}

impl Catalog {
    /// What this process remembers, if the store still has the mark of that; else all of it anew.
    pub(crate) async fn surroundings(&self) -> Result<Surroundings, StoreError> {
        let began = self.world.now();
        // Before the rest: what changes while the rest is read is noticed at the commit.
        let item = self.items.get(&keys::surroundings()).await?;
        let mark = Mark::of(item.as_ref());
        let next = mark.next(self.world.random());
        if let Some(known) = self.remembered.at(&mark) {
            return Ok(Surroundings { next, ..known });
        }
        let (tree, collections, (featured, rankings)) =
            tokio::try_join!(self.tree(), self.collections(), self.lists())?;

        let around = Surroundings {
            mark,
            next,
            is_whole: false,
            tree: Arc::new(tree),
            collections: Arc::new(collections),
            featured,
            rankings: Arc::new(rankings),
        };
        let visible_at = if item.is_none() || self.items.shows_transactions_whole() {
            began
        } else {
            began.plus(VISIBLE_AFTER)
        };
        Ok(self.remembered.keep(around, began, visible_at))
    }
}

impl Mark {
    fn of(item: Option<&Attributes>) -> Self {
        let version = item.and_then(|item| item.number(VERSION)).unwrap_or_default();
        let digits = item.and_then(|item| item.text(MARK)).map(ToOwned::to_owned);

        Self { version, digits }
    }

    fn next(&self, random: u128) -> Self {
        Self { version: self.version + 1, digits: Some(format!("{random:032x}")) }
    }

    fn stands(&self) -> Condition {
        match (self.version, &self.digits) {
            (0, _) => Condition::NotExists,
            (version, None) => Condition::Equals(VERSION.into(), version.into()),
            (version, Some(digits)) => Condition::All(vec![
                Condition::Equals(VERSION.into(), version.into()),
                Condition::Equals(MARK.into(), digits.as_str().into()),
            ]),
        }
    }
}

impl Surroundings {
    /// They are as they were read.
    pub fn check(&self) -> Action {
        Action::Check { key: keys::surroundings(), condition: self.mark.stands() }
    }

    /// They are as they were read, and change with this transaction.
    pub(super) fn count_up(&self) -> Action {
        let mut updates = vec![Update::Set(VERSION.into(), self.next.version.into())];
        updates.extend(self.next.digits.clone().map(|it| Update::Set(MARK.into(), it.into())));

        Action::Update { key: keys::surroundings(), updates, condition: Some(self.mark.stands()) }
    }

    pub(super) fn moved(&self, after: Option<Self>) -> Moved {
        Moved { from: self.mark.clone(), mark: self.next.clone(), after }
    }

    #[must_use]
    pub fn with_tree(&self, tree: CategoryTree, random: u128) -> Self {
        Self { tree: Arc::new(tree), ..self.counted_up(random) }
    }

    #[must_use]
    pub fn with_featured(&self, featured: FeaturedList, random: u128) -> Self {
        Self { featured, ..self.counted_up(random) }
    }

    /// As they are once a write of this process has counted them up; `random` is for the write
    /// after that.
    #[must_use]
    pub fn counted_up(&self, random: u128) -> Self {
        Self { mark: self.next.clone(), next: self.next.next(random), ..self.clone() }
    }

    /// The collections that hold any of these states of a product.
    pub fn collections_of(&self, states: &[&CatalogProduct]) -> Vec<CollectionId> {
        let holding = self
            .collections
            .iter()
            .filter(|collection| states.iter().any(|state| collection.contains(state, &self.tree)));

        holding.map(|collection| collection.id).collect()
    }

    /// The collections whose list names a product.
    pub fn made_by_hand_with(&self, id: ProductId) -> impl Iterator<Item = &Collection> {
        self.collections.iter().filter(move |collection| match &collection.membership {
            Membership::Manual { products } => products.contains(&id),
            Membership::Rule { .. } => false,
        })
    }

    /// Whether a list that is put together by hand names a product.
    pub fn lists(&self, id: ProductId) -> bool {
        self.featured.products.contains(&id) || self.made_by_hand_with(id).next().is_some()
    }

    pub fn rankings_of(&self, id: ProductId) -> Vec<Option<CategoryId>> {
        let naming = self.rankings.values().filter(|ranking| ranking.products.contains(&id));

        naming.map(|ranking| ranking.category).collect()
    }
}

//! The tree, the collections and the lists, as one write meets them.

use std::sync::Arc;

use domain::{
    CatalogProduct, CategoryId, CategoryTree, Collection, CollectionId, Membership, ProductId,
};
use ports::{Action, Attributes, Condition, Update};

use crate::catalog::lists::{FeaturedList, Rankings};
use crate::keys;

const VERSION: &str = "version";
const MARK: &str = "mark";

/// Read before a write and checked or counted up in its transaction, so that the tags are those of
/// the state that the write really meets: else a category that moves meanwhile would leave the
/// lists above its new place untouched by the write.
#[derive(Clone, Debug)]
pub(crate) struct TagContext {
    pub(super) version: ContextVersion,
    /// The version that this write leaves if it changes the context.
    pub(super) next: ContextVersion,
    /// Nothing of the write that left the version was still invisible when it was read.
    pub(super) is_whole: bool,
    pub tree: Arc<CategoryTree>,
    pub collections: Arc<Vec<Collection>>,
    pub featured: FeaturedList,
    pub rankings: Arc<Rankings>,
}

/// Names one state of the context: a count, and random digits for a store that was put back
/// and counts the same numbers again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContextVersion {
    version: i64,
    digits: Option<String>,
}

/// A write's move from one version of the context to the next.
#[derive(Debug)]
pub(crate) struct ContextMove {
    pub(super) from: ContextVersion,
    pub(super) to: ContextVersion,
    pub(super) after: Option<TagContext>,
}

impl ContextVersion {
    pub(super) fn of(item: Option<&Attributes>) -> Self {
        let version = item.and_then(|item| item.number(VERSION)).unwrap_or_default();
        let digits = item.and_then(|item| item.text(MARK)).map(ToOwned::to_owned);

        Self { version, digits }
    }

    pub(super) fn next(&self, random: u128) -> Self {
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

impl TagContext {
    /// The context is as it was read.
    pub fn check(&self) -> Action {
        Action::Check { key: keys::tag_context(), condition: self.version.stands() }
    }

    /// The context is as it was read, and changes with this transaction.
    pub fn count_up(&self) -> Action {
        let mut updates = vec![Update::Set(VERSION.into(), self.next.version.into())];
        updates.extend(self.next.digits.clone().map(|it| Update::Set(MARK.into(), it.into())));

        Action::Update { key: keys::tag_context(), updates, condition: Some(self.version.stands()) }
    }

    pub fn moved(&self, after: Option<Self>) -> ContextMove {
        ContextMove { from: self.version.clone(), to: self.next.clone(), after }
    }

    #[must_use]
    pub fn with_tree(&self, tree: CategoryTree, random: u128) -> Self {
        Self { tree: Arc::new(tree), ..self.counted_up(random) }
    }

    #[must_use]
    pub fn with_featured(&self, featured: FeaturedList, random: u128) -> Self {
        Self { featured, ..self.counted_up(random) }
    }

    /// As it is once a write of this process has counted it up; `random` is for the write
    /// after that.
    #[must_use]
    pub fn counted_up(&self, random: u128) -> Self {
        Self { version: self.next.clone(), next: self.next.next(random), ..self.clone() }
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

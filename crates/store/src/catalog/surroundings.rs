//! What the tags of a product's write are worked out from beside the product itself: the tree, the
//! collections and the lists that name it.

use domain::{
    CatalogProduct, CategoryId, CategoryTree, Collection, CollectionId, Membership, ProductId,
};
use ports::{Action, Condition, Update};

use crate::catalog::lists::Rankings;
use crate::catalog::{Catalog, FeaturedList};
use crate::{StoreError, keys};

const VERSION: &str = "version";

/// Read before a write and checked or counted up in its transaction, so that the tags are those of
/// the state that the write really meets: else a category that moves meanwhile would leave the
/// lists above its new place untouched by the write.
#[derive(Debug)]
pub(crate) struct Surroundings {
    version: i64,
    pub tree: CategoryTree,
    pub collections: Vec<Collection>,
    pub featured: FeaturedList,
    pub rankings: Rankings,
}

impl Catalog {
    pub(crate) async fn surroundings(&self) -> Result<Surroundings, StoreError> {
        // Before the rest: what changes while the rest is read is noticed at the commit.
        let item = self.items.get(&keys::surroundings()).await?;
        let version = item.and_then(|item| item.number(VERSION)).unwrap_or_default();
        let (tree, collections, lists) =
            tokio::try_join!(self.tree(), self.collections(), self.lists())?;

        Ok(Surroundings { version, tree, collections, featured: lists.0, rankings: lists.1 })
    }
}

impl Surroundings {
    /// They are as they were read.
    pub fn check(&self) -> Action {
        Action::Check { key: keys::surroundings(), condition: self.unmoved() }
    }

    /// They are as they were read, and change with this transaction.
    pub fn count_up(&self) -> Action {
        Action::Update {
            key: keys::surroundings(),
            updates: vec![Update::Set(VERSION.into(), (self.version + 1).into())],
            condition: Some(self.unmoved()),
        }
    }

    /// Follows a transaction of our own that [`Self::count_up`] went into, with a featured list.
    pub fn counted_up(&mut self, featured: FeaturedList) {
        self.version += 1;
        self.featured = featured;
    }

    fn unmoved(&self) -> Condition {
        match self.version {
            0 => Condition::NotExists,
            version => Condition::Equals(VERSION.into(), version.into()),
        }
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

    pub fn rankings_of(&self, id: ProductId) -> Vec<Option<CategoryId>> {
        let naming = self.rankings.values().filter(|ranking| ranking.products.contains(&id));

        naming.map(|ranking| ranking.category).collect()
    }
}

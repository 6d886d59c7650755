//! One consistent state of the whole catalogue in memory, from which reads are answered.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use domain::api::CategoryNode;
use domain::{
    Category, CategoryId, CategoryTree, Collection, CollectionId, Entity, LogId, ProductId, Ref,
    Seq, Stamp, VariantId,
};

use crate::bits::Bits;
use crate::categories::Categories;
use crate::collections::Collections;
use crate::entry::Card;
use crate::labels::Labels;
use crate::rows::{RowRef, Rows};
use crate::text::TextIndex;
use crate::text::relevance::Corpus;

/// Bestsellers of each category, and of the whole shop under `None`.
pub type Rankings = HashMap<Option<CategoryId>, Vec<ProductId>>;

/// The catalogue as it was at [`CatalogSnapshot::stamp`]. Immutable, so that everything read from one
/// snapshot is consistent. Clones share almost everything.
#[derive(Clone)]
pub struct CatalogSnapshot {
    pub(crate) stamp: Stamp,
    pub(crate) rows: Rows,
    /// The slots that shoppers may see.
    pub(crate) visible: Bits,
    pub(crate) slots: Arc<FxHashMap<ProductId, u32>>,
    pub(crate) variants: Arc<FxHashMap<VariantId, u32>>,
    /// Slots whose product is gone.
    pub(crate) free: Arc<Vec<u32>>,
    pub(crate) labels: Arc<Labels>,
    pub(crate) text: TextIndex,
    pub(crate) categories: Arc<Categories>,
    pub(crate) collections: Arc<Collections>,
    pub(crate) featured: Arc<Vec<ProductId>>,
    pub(crate) rankings: Arc<Rankings>,
}

/// A query names something that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error("there is no such category")]
    Category,
    #[error("there is no such collection")]
    Collection,
    /// It was made for another list.
    #[error("the cursor does not belong to this list")]
    Cursor,
}

/// Only the stamp and the size: a whole catalogue would be too long for a log line.
impl fmt::Debug for CatalogSnapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut snapshot = formatter.debug_struct("CatalogSnapshot");

        snapshot.field("stamp", &self.stamp).field("products", &self.len()).finish_non_exhaustive()
    }
}

impl Default for CatalogSnapshot {
    /// An empty shop, before the first row of any log.
    fn default() -> Self {
        Self {
            stamp: Stamp { log: LogId::default(), seq: Seq::ZERO },
            rows: Rows::default(),
            visible: Bits::default(),
            slots: Arc::default(),
            variants: Arc::default(),
            free: Arc::default(),
            labels: Arc::default(),
            text: TextIndex::default(),
            categories: Arc::default(),
            collections: Arc::default(),
            featured: Arc::default(),
            rankings: Arc::default(),
        }
    }
}

impl CatalogSnapshot {
    /// Every change up to this position is included.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// All products, drafts included.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A published product's card.
    pub fn card(&self, id: ProductId) -> Option<Card> {
        self.shown(id).map(|row| self.card_of(row))
    }

    /// The featured products, in the order of the list.
    pub fn featured(&self) -> Vec<Card> {
        self.cards(&self.featured).collect()
    }

    /// The categories to choose from, with the published products in and below each.
    pub fn categories(&self) -> Vec<CategoryNode<'_>> {
        let mut own = vec![0; self.categories.len()];
        for row in self.rows.iter().filter(|row| row.row.is_visible()) {
            own[row.row.category as usize] += 1;
        }

        self.categories.nodes(&own)
    }

    pub fn tree(&self) -> &CategoryTree {
        self.categories.tree()
    }

    pub fn category(&self, reference: &Ref<CategoryId>) -> Result<&Category, Unknown> {
        self.categories.find(reference).ok_or(Unknown::Category)
    }

    pub fn collection(&self, reference: &Ref<CollectionId>) -> Result<&Collection, Unknown> {
        self.collections.find(reference).ok_or(Unknown::Collection)
    }

    /// The version in which an entity of the change log is here; `None` when it is not, or when it
    /// carries no version here.
    pub fn version_of(&self, entity: &Entity) -> Option<u64> {
        match entity {
            Entity::Product(id) => Some(self.row(*id)?.entry.version),
            Entity::Variant(id) => self.variant_version(*id, |variant| variant.version),
            Entity::Availability(_, id) => self.variant_version(*id, |variant| variant.level),
            Entity::Category(id) => Some(self.tree().get(*id)?.version),
            Entity::Collection(id) => Some(self.collections.get(*id)?.version),
            Entity::Featured | Entity::Bestsellers(_) | Entity::Unknown(_) => None,
        }
    }

    /// Approximate memory of the products in bytes, for metrics.
    pub fn heap_bytes(&self) -> usize {
        let maps = (self.slots.capacity() + self.variants.capacity()) * 32;

        maps + self.rows.heap_bytes() + self.text.heap_bytes() + self.labels.heap_bytes()
    }

    pub(crate) fn row(&self, id: ProductId) -> Option<RowRef<'_>> {
        self.rows.get(*self.slots.get(&id)?)
    }

    /// The row of a product that shoppers may see.
    pub(crate) fn shown(&self, id: ProductId) -> Option<RowRef<'_>> {
        self.row(id).filter(|row| row.row.is_visible())
    }

    pub(crate) fn card_of(&self, row: RowRef<'_>) -> Card {
        Card::new(row.entry, &self.categories.json(row.row.category))
    }

    pub(crate) fn cards<'a>(&'a self, ids: &'a [ProductId]) -> impl Iterator<Item = Card> + 'a {
        ids.iter().filter_map(|id| self.card(*id))
    }

    pub(crate) fn corpus<'a>(&'a self, visible: &'a Bits) -> Corpus<'a> {
        Corpus { text: &self.text, categories: &self.categories, rows: &self.rows, visible }
    }

    fn variant_version(
        &self,
        id: VariantId,
        version: impl Fn(&crate::entry::VariantVersions) -> u64,
    ) -> Option<u64> {
        let row = self.rows.get(*self.variants.get(&id)?)?;

        row.entry.variants.iter().find(|variant| variant.id == id).map(version)
    }
}

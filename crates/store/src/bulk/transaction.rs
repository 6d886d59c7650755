//! The rows that go into one transaction of a job.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{CatalogProduct, CategoryTree, ProductId, Sku, Slug, StockLevel, Timestamp};
use ports::{ACTIONS_MAX, PortError, TRANSACTION_BYTES_MAX};

use crate::Actor;
use crate::bulk::known::Known;
use crate::bulk::upsert::{Outcome, Upsert};
use crate::catalog::{Catalog, CatalogBatch, FeaturedList, TagContext};
use crate::inventory::{self, NewLevel, StockChange, StoredLevel};

/// Head, log row, audit entry, checkpoint, featured list, context of tags and idempotency key come on
/// top of the rows' own actions.
const ROOM: usize = ACTIONS_MAX - 7;
/// Product, two slugs, category.
const ACTIONS_OF_PRODUCT: usize = 4;
/// Variant, pointer, level, ledger.
const ACTIONS_OF_VARIANT: usize = 4;
/// The products of a transaction; leaves room for one more of the largest, the lists that the
/// featured ones stand in and the rows of log and audit.
const BYTES_MAX: usize = TRANSACTION_BYTES_MAX / 2;

/// What rows are planned from.
#[derive(Clone, Copy)]
pub(crate) struct PlanInput<'a> {
    pub catalog: &'a Catalog,
    pub known: &'a Known,
    /// Left out in a rehearsal, which makes no categories.
    pub tree: Option<&'a CategoryTree>,
}

pub(crate) struct BulkTransaction {
    pub outcomes: Vec<Outcome>,
    pub products: BTreeMap<ProductId, Touched<CatalogProduct>>,
    pub levels: BTreeMap<Sku, Touched<StockLevel>>,
    pub featured: FeaturedList,
    pub(super) featured_before: FeaturedList,
    pub(super) slugs_taken: HashMap<Slug, ProductId>,
    /// SKUs that had a variant before, and get one again.
    pub(super) returning: BTreeSet<Sku>,
    pub(super) skus: BTreeSet<Sku>,
    pub(super) bytes: usize,
}

pub(crate) struct Touched<T> {
    pub before: Option<T>,
    pub after: T,
}

impl BulkTransaction {
    /// Takes as many of `rows` as surely fit, at least one.
    pub fn plan(input: PlanInput<'_>, featured: &FeaturedList, rows: &[Upsert]) -> Self {
        let mut transaction = Self {
            outcomes: Vec::new(),
            products: BTreeMap::new(),
            levels: BTreeMap::new(),
            featured: featured.clone(),
            featured_before: featured.clone(),
            slugs_taken: HashMap::new(),
            returning: BTreeSet::new(),
            skus: BTreeSet::new(),
            bytes: 0,
        };

        for row in rows {
            if transaction.weight() + ACTIONS_OF_PRODUCT + ACTIONS_OF_VARIANT > ROOM
                || transaction.bytes > BYTES_MAX
            {
                break;
            }
            let outcome = transaction.take(input, row).unwrap_or_else(Outcome::Refused);
            transaction.outcomes.push(outcome);
        }
        transaction
    }

    pub fn is_idle(&self) -> bool {
        self.products.is_empty() && self.levels.is_empty() && !self.features()
    }

    /// Whether it changes the featured list.
    pub fn features(&self) -> bool {
        self.featured.products != self.featured_before.products
    }

    pub const fn touched_skus(&self) -> &BTreeSet<Sku> {
        &self.skus
    }

    pub fn touched_products(&self) -> u64 {
        self.products.len() as u64
    }

    pub fn plan_actions(
        &self,
        context: &TagContext,
        by: &Actor,
        at: Timestamp,
    ) -> Result<CatalogBatch, PortError> {
        let mut batch = CatalogBatch::default();
        for touched in self.products.values() {
            batch.product(touched.before.as_ref(), Some(&touched.after), context)?;
        }
        for (sku, Touched { before, after }) in &self.levels {
            match before {
                Some(before) => {
                    let change = StockChange { by, reason: "import", at };
                    inventory::adjust_level(&mut batch.writes, before, after, change)?;
                }
                None => {
                    let was_retired = self.returning.contains(sku);
                    let new = NewLevel { level: after.clone(), was_retired };
                    let change = StockChange { by, reason: "initial", at };
                    inventory::create_level(&mut batch.writes, &new, change)?;
                }
            }
        }
        if self.features() {
            batch.set_featured(&self.featured_before, &self.featured)?;
        }
        Ok(batch)
    }

    /// Notes in `known` what is stored once this is committed.
    pub fn take_effect(self, known: &mut Known) {
        for (id, touched) in self.products {
            if let Some(before) = &touched.before
                && before.product.slug != touched.after.product.slug
            {
                known.slugs.insert(before.product.slug.clone(), None);
            }
            known.slugs.insert(touched.after.product.slug.clone(), Some(id));
            known.products.insert(id, touched.after);
        }
        for (sku, touched) in self.levels {
            known.levels.insert(sku, StoredLevel::Live(touched.after));
        }
    }

    fn weight(&self) -> usize {
        self.products.len() * ACTIONS_OF_PRODUCT + self.skus.len() * ACTIONS_OF_VARIANT
    }
}

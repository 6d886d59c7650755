//! The rows that go into one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{CatalogProduct, CategoryTree, ProductId, Sku, Slug, StockLevel, Timestamp};
use ports::{ACTIONS_MAX, PortError, TRANSACTION_BYTES_MAX};

use crate::Actor;
use crate::bulk::known::Known;
use crate::bulk::upsert::{Outcome, Upsert};
use crate::catalog::plan::Plan;
use crate::catalog::surroundings::Surroundings;
use crate::catalog::{Catalog, FeaturedList, push_featured};
use crate::levels::{self, Arrival, Movement};

/// Head, log row, audit entry, checkpoint, featured list, surroundings and idempotency key come on
/// top of the rows' own actions.
const ROOM: usize = ACTIONS_MAX - 7;
/// Product, two slugs, category.
const ACTIONS_OF_PRODUCT: usize = 4;
/// Variant, pointer, level, ledger.
const ACTIONS_OF_VARIANT: usize = 4;
/// The products of a transaction; leaves room for one more of the largest, the lists that the
/// featured ones stand in and the rows of log and audit.
const BYTES_MAX: usize = TRANSACTION_BYTES_MAX / 2;

/// What rows are planned on.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub catalog: &'a Catalog,
    pub known: &'a Known,
    /// Left out in a rehearsal, which makes no categories.
    pub tree: Option<&'a CategoryTree>,
}

pub(crate) struct Slice {
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

impl Slice {
    /// Takes as many of `rows` as surely fit, at least one.
    pub fn plan(ground: Ground<'_>, featured: &FeaturedList, rows: &[Upsert]) -> Self {
        let mut slice = Self {
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
            if slice.weight() + ACTIONS_OF_PRODUCT + ACTIONS_OF_VARIANT > ROOM
                || slice.bytes > BYTES_MAX
            {
                break;
            }
            let outcome = slice.take(ground, row).unwrap_or_else(Outcome::Refused);
            slice.outcomes.push(outcome);
        }
        slice
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
        around: &Surroundings,
        by: &Actor,
        at: Timestamp,
    ) -> Result<Plan, PortError> {
        let mut plan = Plan::default();
        for touched in self.products.values() {
            plan.product(touched.before.as_ref(), Some(&touched.after), around)?;
        }
        for (sku, Touched { before, after }) in &self.levels {
            match before {
                Some(before) => {
                    let movement = Movement { by, reason: "import", at };
                    levels::push_change(&mut plan, before, after, movement)?;
                }
                None => {
                    let retired = self.returning.contains(sku);
                    let arrival = Arrival { level: after.clone(), retired };
                    let movement = Movement { by, reason: "initial", at };
                    levels::push_arrival(&mut plan, &arrival, movement)?;
                }
            }
        }
        if self.features() {
            push_featured(&mut plan, &self.featured_before, &self.featured)?;
        }
        Ok(plan)
    }

    fn weight(&self) -> usize {
        self.products.len() * ACTIONS_OF_PRODUCT + self.skus.len() * ACTIONS_OF_VARIANT
    }
}

//! The rows that go into one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::draft::{VARIANTS_MAX, VariantDraft};
use domain::{
    CatalogProduct, CategoryId, FieldError, Product, ProductId, Sku, Slug, StockLevel, Timestamp,
};
use ports::{ACTIONS_MAX, PortError};

use crate::bulk::known::{Known, candidates};
use crate::bulk::{Outcome, Upsert};
use crate::catalog::plan::Plan;
use crate::catalog::{Catalog, FEATURED_MAX, FeaturedList, Surroundings};
use crate::{Actor, stock_rows};

/// Head, log row, audit entry, checkpoint and featured list come on top of the rows' own actions.
const ROOM: usize = ACTIONS_MAX - 5;
/// A row's actions at most: product, two slugs, category, variant, pointer, level, ledger.
const ROW_AT_MOST: usize = 8;

pub(crate) struct Slice {
    pub outcomes: Vec<Outcome>,
    pub products: BTreeMap<ProductId, Touched<CatalogProduct>>,
    pub levels: HashMap<Sku, Touched<StockLevel>>,
    pub featured: FeaturedList,
    featured_before: FeaturedList,
    slugs_taken: HashMap<Slug, ProductId>,
    categories: HashSet<CategoryId>,
    weight: usize,
}

pub(crate) struct Touched<T> {
    pub before: Option<T>,
    pub after: T,
}

impl Slice {
    /// Takes as many of `rows` as surely fit.
    pub fn plan(catalog: &Catalog, known: &Known, rows: &[Upsert]) -> Self {
        let mut slice = Self {
            outcomes: Vec::new(),
            products: BTreeMap::new(),
            levels: HashMap::new(),
            featured: known.featured.clone(),
            featured_before: known.featured.clone(),
            slugs_taken: HashMap::new(),
            categories: HashSet::new(),
            weight: 0,
        };

        for row in rows {
            if slice.weight + ROW_AT_MOST > ROOM {
                break;
            }
            let outcome = slice.take(catalog, known, row).unwrap_or_else(Outcome::Refused);
            slice.outcomes.push(outcome);
        }
        slice
    }

    pub fn is_idle(&self) -> bool {
        self.products.is_empty() && self.levels.is_empty() && self.featured == self.featured_before
    }

    pub fn touched_skus(&self) -> Vec<&Sku> {
        let variants = self.products.values().flat_map(|touched| &touched.after.variants);
        let mut skus: Vec<_> =
            variants.map(|variant| &variant.sku).chain(self.levels.keys()).collect();
        skus.sort_unstable();
        skus.dedup();
        skus
    }

    pub fn touched_products(&self) -> u64 {
        self.products.len() as u64
    }

    pub fn plan_actions(
        &self,
        around: &Surroundings,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Plan, PortError> {
        let mut plan = Plan::default();
        let new: Vec<_> = self
            .levels
            .values()
            .filter(|level| level.before.is_none())
            .map(|level| level.after.clone())
            .collect();

        for touched in self.products.values() {
            plan.product(touched.before.as_ref(), Some(&touched.after), &new, around)?;
        }
        stock_rows::push_initial(&mut plan, &new, by, now)?;
        for touched in self.levels.values() {
            let Some(before) = &touched.before else { continue };
            crate::catalog::push_level(&mut plan, before, &touched.after)?;
            let delta = touched.after.on_hand - before.on_hand;
            stock_rows::push(&mut plan, &touched.after, delta, "import", by, now)?;
        }
        if self.featured != self.featured_before {
            crate::catalog::push_featured(&mut plan, &self.featured_before, &self.featured)?;
        }
        Ok(plan)
    }

    fn take(
        &mut self,
        catalog: &Catalog,
        known: &Known,
        row: &Upsert,
    ) -> Result<Outcome, FieldError> {
        let level = self.levels.get(&row.sku).map(|touched| &touched.after);
        let level = level.or_else(|| known.levels.get(&row.sku)).cloned();

        let outcome = match level {
            Some(level) => self.update(catalog, known, row, &level)?,
            None => self.insert(catalog, known, row)?,
        };
        let (Outcome::Created(id) | Outcome::Updated(id) | Outcome::Unchanged(id)) = outcome else {
            return Ok(outcome);
        };
        match (self.feature(row, id)?, outcome) {
            (true, Outcome::Unchanged(id)) => Ok(Outcome::Updated(id)),
            (_, outcome) => Ok(outcome),
        }
    }

    fn insert(
        &mut self,
        catalog: &Catalog,
        known: &Known,
        row: &Upsert,
    ) -> Result<Outcome, FieldError> {
        let now = catalog.world.now();
        let named = row.slug.as_ref().and_then(|slug| self.owner(known, slug));
        let id = named.unwrap_or_else(|| ProductId::new(now, catalog.world.random()));
        let draft = VariantDraft {
            sku: row.sku.clone(),
            options: merged(&BTreeMap::new(), &row.options),
            price: row.price,
            compare_at: row.compare_at.flatten(),
            stock: row.stock.unwrap_or_default(),
        };
        let (variant, level) = catalog.new_variant(id, &draft, now);

        let (before, mut after) = match named {
            Some(id) => {
                let (before, after) = self.state(known, id)?;
                joinable(&after, &draft.options)?;
                (before, after)
            }
            None => (None, CatalogProduct { product: self.new_product(known, row, id, now)?, variants: vec![] }),
        };
        after.product.variants.push(variant.id);
        after.variants.push(variant);
        self.weight += 5 + self.category_weight(after.product.category);
        count_edit(before.as_ref(), &mut after, now);
        self.slugs_taken.insert(after.product.slug.clone(), id);
        self.products.insert(id, Touched { before, after });
        self.levels.insert(row.sku.clone(), Touched { before: None, after: level });

        Ok(Outcome::Created(id))
    }

    fn update(
        &mut self,
        catalog: &Catalog,
        known: &Known,
        row: &Upsert,
        level: &StockLevel,
    ) -> Result<Outcome, FieldError> {
        let now = catalog.world.now();
        let id = level.product;
        let (before, current) = self.state(known, id)?;
        let mut after = current.clone();
        self.apply_content(known, row, level, &mut after)?;
        let content_changed = after != current;
        let level_after = self.restock(row, level)?;

        if let Some(level) = &level_after
            && level.availability() != availability_of(&after, level)
        {
            after = crate::catalog::with_level(&after, level);
        }
        if content_changed {
            for variant in after.variants.iter_mut().filter(|v| v.id == level.variant) {
                let old = before.iter().flat_map(|b| &b.variants).find(|v| v.id == variant.id);
                let edited = old.is_some_and(|old| {
                    (old.price, old.compare_at, &old.options)
                        != (variant.price, variant.compare_at, &variant.options)
                });
                if let Some(old) = old.filter(|_| edited) {
                    variant.version = old.version + 1;
                    variant.updated_at = now;
                }
            }
            count_edit(before.as_ref(), &mut after, now);
        }
        if after == current && level_after.is_none() {
            return Ok(Outcome::Unchanged(id));
        }
        self.weight += ROW_AT_MOST;
        if after != current {
            if current.product.slug != after.product.slug {
                self.slugs_taken.insert(after.product.slug.clone(), id);
            }
            self.products.insert(id, Touched { before, after });
        }
        if let Some(after) = level_after {
            let before = self.levels.remove(&row.sku).map_or(Some(level.clone()), |t| t.before);
            self.levels.insert(row.sku.clone(), Touched { before, after });
        }
        Ok(Outcome::Updated(id))
    }

    /// The variant takes the row's price and options; the product's own fields come from the row of
    /// its first variant, so that rows of one product can't pull it to and fro.
    fn apply_content(
        &self,
        known: &Known,
        row: &Upsert,
        level: &StockLevel,
        after: &mut CatalogProduct,
    ) -> Result<(), FieldError> {
        let leads = after.product.variants.first() == Some(&level.variant);
        for variant in after.variants.iter_mut().filter(|variant| variant.id == level.variant) {
            variant.price = row.price;
            variant.compare_at = row.compare_at.unwrap_or(variant.compare_at);
            variant.options = merged(&variant.options, &row.options);
        }
        let own = after.variants.iter().find(|variant| variant.id == level.variant);
        let mut others = after.variants.iter().filter(|variant| variant.id != level.variant);
        if others.any(|other| own.is_some_and(|own| own.options == other.options)) {
            return Err(refused("options", "duplicate", "another variant has these options"));
        }
        if !leads {
            return Ok(());
        }
        if let Some(slug) = &row.slug
            && *slug != after.product.slug
        {
            if self.owner(known, slug).is_some() {
                return Err(refused("slug", "slug_taken", "another product has this slug"));
            }
            after.product.slug = slug.clone();
        }
        let product = &mut after.product;
        product.name.clone_from(&row.name);
        product.category = row.category;
        product.attributes = merged(&product.attributes, &row.attributes);
        if let Some(description) = &row.description {
            product.description.clone_from(description);
        }
        if let Some(brand) = &row.brand {
            product.brand.clone_from(brand);
        }
        if let Some(status) = row.status {
            product.status = status;
        }
        if let Some(images) = &row.images {
            product.images.clone_from(images);
        }
        Ok(())
    }

    fn restock(&self, row: &Upsert, level: &StockLevel) -> Result<Option<StockLevel>, FieldError> {
        match row.stock {
            Some(stock) if stock != level.on_hand => level
                .adjusted(stock - level.on_hand)
                .map(Some)
                .map_err(|error| refused("stock", "insufficient_stock", error.to_string())),
            _ => Ok(None),
        }
    }

    fn new_product(
        &self,
        known: &Known,
        row: &Upsert,
        id: ProductId,
        now: Timestamp,
    ) -> Result<Product, FieldError> {
        let wanted = row.slug.clone().map_or_else(|| candidates(row), |slug| vec![slug]);
        let slug = wanted.into_iter().find(|slug| self.owner(known, slug).is_none());
        let slug = slug.ok_or_else(|| {
            refused("name", "slug_taken", "no slug of this name and SKU is free; give one")
        })?;

        Ok(Product {
            id,
            slug,
            name: row.name.clone(),
            description: row.description.clone().unwrap_or_default(),
            brand: row.brand.clone().flatten(),
            category: row.category,
            status: row.status.unwrap_or_default(),
            images: row.images.clone().unwrap_or_default(),
            attributes: merged(&BTreeMap::new(), &row.attributes),
            variants: Vec::new(),
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    /// Adds to or takes from the featured list; answers whether that changed it.
    fn feature(&mut self, row: &Upsert, id: ProductId) -> Result<bool, FieldError> {
        let stands = self.featured.products.contains(&id);
        match row.featured {
            Some(true) if !stands => {
                if self.featured.products.len() >= FEATURED_MAX {
                    let detail = format!("the featured list holds {FEATURED_MAX} products");
                    return Err(refused("featured", "length", detail));
                }
                self.featured.products.push(id);
            }
            Some(false) if stands => self.featured.products.retain(|product| *product != id),
            _ => return Ok(false),
        }
        self.featured.version = self.featured_before.version + 1;
        Ok(true)
    }

    /// Before this transaction, and as it is by now.
    fn state(
        &self,
        known: &Known,
        id: ProductId,
    ) -> Result<(Option<CatalogProduct>, CatalogProduct), FieldError> {
        if let Some(touched) = self.products.get(&id) {
            return Ok((touched.before.clone(), touched.after.clone()));
        }
        let stored = known.products.get(&id).cloned();
        let stored = stored
            .ok_or_else(|| refused("sku", "conflict", "its product is being changed; try again"))?;

        Ok((Some(stored.clone()), stored))
    }

    fn owner(&self, known: &Known, slug: &Slug) -> Option<ProductId> {
        // A slug that this very transaction frees stays taken until the next one: claiming it too
        // would name its item twice.
        let stored = known.slugs.get(slug).copied().flatten();

        self.slugs_taken.get(slug).copied().or(stored)
    }

    fn category_weight(&mut self, category: CategoryId) -> usize {
        2 + usize::from(self.categories.insert(category))
    }
}

fn joinable(
    product: &CatalogProduct,
    options: &BTreeMap<String, String>,
) -> Result<(), FieldError> {
    if product.variants.len() >= VARIANTS_MAX {
        let detail = format!("a product has at most {VARIANTS_MAX} variants");
        return Err(refused("slug", "length", detail));
    }
    if product.variants.iter().any(|variant| variant.options == *options) {
        let detail = format!("the product {} has a variant with these options", product.product.slug);
        return Err(refused("options", "duplicate", detail));
    }
    Ok(())
}

/// `old` with the changes; a name with `None` is taken out.
fn merged(
    old: &BTreeMap<String, String>,
    changes: &BTreeMap<String, Option<String>>,
) -> BTreeMap<String, String> {
    let mut merged = old.clone();

    for (name, value) in changes {
        match value {
            Some(value) => merged.insert(name.clone(), value.clone()),
            None => merged.remove(name),
        };
    }
    merged
}

/// One transaction counts as one edit.
fn count_edit(before: Option<&CatalogProduct>, after: &mut CatalogProduct, now: Timestamp) {
    if let Some(before) = before {
        after.product.version = before.product.version + 1;
        after.product.updated_at = now;
    }
}

fn availability_of(product: &CatalogProduct, level: &StockLevel) -> domain::Availability {
    let variant = product.variants.iter().find(|variant| variant.id == level.variant);

    variant.map_or(domain::Availability::Out, |variant| variant.availability)
}

fn refused(column: &str, code: &'static str, detail: impl Into<String>) -> FieldError {
    FieldError::new(column, code, detail)
}

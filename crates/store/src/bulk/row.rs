//! One row's way into a transaction.

use domain::{CatalogProduct, FieldError, ProductId, Slug, StockLevel, Timestamp, Variant};

use crate::bulk::content::{self, variant_draft};
use crate::bulk::known::{Known, candidates};
use crate::bulk::transaction::{BulkTransaction, PlanInput, Touched};
use crate::bulk::upsert::{Outcome, Upsert, refused};
use crate::catalog::{FEATURED_MAX, touch, with_level};
use crate::inventory::StoredLevel;

impl BulkTransaction {
    /// Takes a row, or says why it can't go in; then nothing of it is taken.
    pub(super) fn take(
        &mut self,
        input: PlanInput<'_>,
        row: &Upsert,
    ) -> Result<Outcome, FieldError> {
        let touched = self.levels.get(&row.sku).map(|touched| touched.after.clone());
        let stored = input.known.levels.get(&row.sku);
        let level = touched.or_else(|| stored.cloned().and_then(StoredLevel::live));

        let (outcome, id) = match level {
            Some(level) => self.update(input, row, &level)?,
            None => self.insert(input, row)?,
        };
        match (self.feature(row, id)?, outcome) {
            (true, Outcome::Unchanged(id)) => Ok(Outcome::Updated(id)),
            (_, outcome) => Ok(outcome),
        }
    }

    fn insert(
        &mut self,
        input: PlanInput<'_>,
        row: &Upsert,
    ) -> Result<(Outcome, ProductId), FieldError> {
        let now = input.catalog.db.now();
        let named = row.slug.as_ref().and_then(|slug| self.owner(input.known, slug));
        let id = named.unwrap_or_else(|| ProductId::new(now, input.catalog.db.random()));
        let stored = input.known.levels.get(&row.sku);
        let (variant, new) = input.catalog.new_variant(id, &variant_draft(row), stored, now);

        let (before, mut after) = match named {
            Some(id) => self.state(input.known, id)?,
            None => {
                check_category(input, row)?;
                let slug = self.free_slug(input.known, row, id)?;
                let product = content::new_product(row, slug, id, now);
                (None, CatalogProduct { product, variants: Vec::new() })
            }
        };
        after.product.variants.push(variant.id);
        after.variants.push(variant.clone());
        content::check_place(&after, variant.id)?;
        content::check(&after.product, &variant, row.stock)?;
        self.check_featured(row, id)?;
        count_edit(before.as_ref(), &mut after, now);

        if new.was_retired {
            self.returning.insert(row.sku.clone());
        }
        self.levels.insert(row.sku.clone(), Touched { before: None, after: new.level });
        self.put(row, before, after);
        Ok((Outcome::Created(id), id))
    }

    fn update(
        &mut self,
        input: PlanInput<'_>,
        row: &Upsert,
        level: &StockLevel,
    ) -> Result<(Outcome, ProductId), FieldError> {
        let now = input.catalog.db.now();
        let id = level.product;
        let (before, current) = self.state(input.known, id)?;
        let mut after = current.clone();
        self.apply(input, row, level, &mut after)?;
        let is_edited = after != current;
        if let Some(variant) = after.variants.iter().find(|v| v.id == level.variant) {
            content::check(&after.product, variant, row.stock)?;
        }
        let restocked = self.restock(row, level)?;
        self.check_featured(row, id)?;

        if let Some(level) = &restocked {
            let shown = after.variants.iter().find(|variant| variant.id == level.variant);
            if shown.is_some_and(|variant| variant.availability != level.availability()) {
                after = with_level(&after, level);
            }
        }
        if is_edited {
            for variant in after.variants.iter_mut().filter(|v| v.id == level.variant) {
                count_variant_edit(before.as_ref(), variant, now);
            }
            count_edit(before.as_ref(), &mut after, now);
        }
        if after == current && restocked.is_none() {
            return Ok((Outcome::Unchanged(id), id));
        }

        if let Some(after) = restocked {
            let before = self.levels.remove(&row.sku).map_or(Some(level.clone()), |t| t.before);
            self.levels.insert(row.sku.clone(), Touched { before, after });
        }
        if after == current {
            self.skus.insert(row.sku.clone());
        } else {
            self.put(row, before, after);
        }
        Ok((Outcome::Updated(id), id))
    }

    /// The variant takes the row's price and options, and the product the rest if it is its first.
    fn apply(
        &self,
        input: PlanInput<'_>,
        row: &Upsert,
        level: &StockLevel,
        after: &mut CatalogProduct,
    ) -> Result<(), FieldError> {
        for variant in after.variants.iter_mut().filter(|variant| variant.id == level.variant) {
            content::apply_to_variant(row, variant);
        }
        content::check_place(after, level.variant)?;

        let id = after.product.id;
        let wanted = row.slug.as_ref().filter(|slug| **slug != after.product.slug);
        let owner = wanted.and_then(|slug| self.owner(input.known, slug));
        if owner.is_some_and(|owner| owner != id) {
            let detail = "another product has this slug, and a SKU stays with its product";
            return Err(refused("slug", "slug_taken", detail));
        }
        if after.product.variants.first() != Some(&level.variant) {
            return Ok(());
        }
        if row.category != after.product.category {
            check_category(input, row)?;
        }
        content::apply_to_product(row, &mut after.product);
        if let (Some(slug), None) = (wanted, owner) {
            after.product.slug = slug.clone();
        }
        Ok(())
    }

    /// The level with the row's pieces on hand; `None` where they are. However often a SKU comes,
    /// its level moves once in a transaction.
    fn restock(&self, row: &Upsert, level: &StockLevel) -> Result<Option<StockLevel>, FieldError> {
        let Some(stock) = row.stock.filter(|stock| *stock != level.on_hand) else {
            return Ok(None);
        };
        let after = level
            .adjusted(stock - level.on_hand)
            .map_err(|error| refused("stock", "insufficient_stock", error.to_string()))?;
        let is_touched = self.levels.contains_key(&row.sku);
        let version = if is_touched { level.version } else { after.version };

        Ok(Some(StockLevel { version, ..after }))
    }

    fn free_slug(&self, known: &Known, row: &Upsert, id: ProductId) -> Result<Slug, FieldError> {
        if let Some(slug) = &row.slug {
            return Ok(slug.clone());
        }
        let mut wanted = candidates(row);
        // Of SKUs that differ in signs alone the second one finds nothing free.
        let end = id.to_string()[20..].to_ascii_lowercase();
        wanted.extend(wanted.first().and_then(|stem| stem.with_suffix(&end)));
        wanted.extend(format!("product-{end}").parse());

        let free = wanted.into_iter().find(|slug| self.owner(known, slug).is_none());
        free.ok_or_else(|| refused("name", "slug_taken", "no slug of this name is free; give one"))
    }

    /// Adds to or takes from the featured list; answers whether that changed it.
    fn feature(&mut self, row: &Upsert, id: ProductId) -> Result<bool, FieldError> {
        let stands = self.featured.products.contains(&id);
        match row.featured {
            Some(true) if !stands => self.featured.products.push(id),
            Some(false) if stands => self.featured.products.retain(|product| *product != id),
            _ => return Ok(false),
        }
        self.featured.version = self.featured_before.version + u64::from(self.features());
        Ok(true)
    }

    /// Before anything of the row is taken, so that a refused row leaves nothing behind.
    fn check_featured(&self, row: &Upsert, id: ProductId) -> Result<(), FieldError> {
        let products = &self.featured.products;
        if row.featured == Some(true) && products.len() >= FEATURED_MAX && !products.contains(&id) {
            let detail = format!("the featured list holds {FEATURED_MAX} products");
            return Err(refused("featured", "length", detail));
        }
        Ok(())
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

    fn put(&mut self, row: &Upsert, before: Option<CatalogProduct>, after: CatalogProduct) {
        let id = after.product.id;
        let product = &after.product;
        let images = product.images.iter().map(|image| image.url.as_str().len() + image.alt.len());

        self.bytes += product.description.len() + images.sum::<usize>();
        self.skus.insert(row.sku.clone());
        self.slugs_taken.insert(product.slug.clone(), id);
        self.products.insert(id, Touched { before, after });
    }
}

fn check_category(input: PlanInput<'_>, row: &Upsert) -> Result<(), FieldError> {
    if input.tree.is_some_and(|tree| tree.get(row.category).is_none()) {
        let detail = format!("there is no category {}", row.category);
        return Err(refused("category", "unknown", detail));
    }
    Ok(())
}

/// One transaction counts as one edit.
fn count_edit(before: Option<&CatalogProduct>, after: &mut CatalogProduct, now: Timestamp) {
    if let Some(before) = before {
        after.product.version = before.product.version;
        touch(&mut after.product, now);
    }
}

/// The same for a variant that was there before and is not as it was.
fn count_variant_edit(before: Option<&CatalogProduct>, variant: &mut Variant, now: Timestamp) {
    let stored = before.iter().flat_map(|product| &product.variants);
    let Some(old) = stored.into_iter().find(|old| old.id == variant.id) else { return };
    let is_edited = (old.price, old.compare_at, &old.options)
        != (variant.price, variant.compare_at, &variant.options);

    if is_edited {
        variant.version = old.version + 1;
        variant.updated_at = now;
    }
}

//! What is stored of the rows of a chunk: read together, kept up to date by what the job writes.

use std::collections::{HashMap, HashSet};

use domain::{CatalogProduct, ProductId, Sku, Slug, StockLevel};

use crate::bulk::Upsert;
use crate::bulk::slice::Slice;
use crate::catalog::{Catalog, FeaturedList};
use crate::keys::{self, SlugOf};
use crate::StoreError;

pub(crate) struct Known {
    pub levels: HashMap<Sku, StockLevel>,
    pub products: HashMap<ProductId, CatalogProduct>,
    /// Every slug that a row of the chunk may want; `None` where it is free.
    pub slugs: HashMap<Slug, Option<ProductId>>,
    pub featured: FeaturedList,
}

impl Known {
    pub async fn load(catalog: &Catalog, rows: &[Upsert]) -> Result<Self, StoreError> {
        let levels = catalog.stocks(rows.iter().map(|row| &row.sku).collect::<HashSet<_>>()).await?;
        let slugs = load_slugs(catalog, rows, &levels).await?;
        let mut ids: HashSet<_> = levels.values().map(|level| level.product).collect();
        let named = rows.iter().filter_map(|row| row.slug.as_ref());
        ids.extend(named.filter_map(|slug| slugs.get(slug).copied().flatten()));
        let ids: Vec<_> = ids.into_iter().collect();
        let found = catalog.products(&ids).await?;
        let products = ids.into_iter().zip(found).filter_map(|(id, found)| Some((id, found?)));
        let products = products.collect();
        let featured = if rows.iter().any(|row| row.featured.is_some()) {
            catalog.featured().await?
        } else {
            FeaturedList::default()
        };

        Ok(Self { levels, products, slugs, featured })
    }

    /// Follows what a slice has written.
    pub fn take_over(&mut self, slice: Slice) {
        for (id, touched) in slice.products {
            if let Some(before) = &touched.before
                && before.product.slug != touched.after.product.slug
            {
                self.slugs.insert(before.product.slug.clone(), None);
            }
            self.slugs.insert(touched.after.product.slug.clone(), Some(id));
            self.products.insert(id, touched.after);
        }
        for (sku, touched) in slice.levels {
            self.levels.insert(sku, touched.after);
        }
        self.featured = slice.featured;
    }
}

async fn load_slugs(
    catalog: &Catalog,
    rows: &[Upsert],
    levels: &HashMap<Sku, StockLevel>,
) -> Result<HashMap<Slug, Option<ProductId>>, StoreError> {
    #[derive(serde::Deserialize)]
    struct Claim {
        id: ProductId,
    }
    let mut wanted: HashSet<Slug> = rows.iter().filter_map(|row| row.slug.clone()).collect();
    for row in rows.iter().filter(|row| row.slug.is_none() && !levels.contains_key(&row.sku)) {
        wanted.extend(candidates(row));
    }
    let wanted: Vec<_> = wanted.into_iter().collect();
    let mut slugs = HashMap::new();

    for chunk in wanted.chunks(100) {
        let keys: Vec<_> = chunk.iter().map(|slug| keys::slug(SlugOf::Product, slug)).collect();
        for (slug, item) in chunk.iter().zip(catalog.items.batch_get(&keys).await?) {
            let claim = item.map(|item| item.parse::<Claim>("a slug's claim")).transpose()?;
            slugs.insert(slug.clone(), claim.map(|claim| claim.id));
        }
    }
    Ok(slugs)
}

/// Slugs for a row without one, the nicest first: `tent`, `tent-2`, `tent-3`, `tent-{sku}`.
pub(crate) fn candidates(row: &Upsert) -> Vec<Slug> {
    let of_sku = Slug::of_name(row.sku.as_str());
    let Some(stem) = Slug::of_name(&row.name) else { return of_sku.into_iter().collect() };
    let mut found = vec![stem.clone()];
    found.extend(["2", "3"].into_iter().filter_map(|end| stem.with_suffix(end)));
    if let Some(sku) = of_sku {
        let end = &sku.as_str()[..sku.as_str().len().min(40)];
        found.extend(stem.with_suffix(end.trim_end_matches('-')));
    }
    found
}

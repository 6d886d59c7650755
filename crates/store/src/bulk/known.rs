//! What is stored of the rows of a chunk: read together, kept up to date by what the job writes.

use std::collections::{BTreeSet, HashMap};

use domain::{CatalogProduct, ProductId, Sku, Slug};

use crate::StoreError;
use crate::bulk::upsert::Upsert;
use crate::catalog::Catalog;
use crate::inventory::{self, StoredLevel};
use crate::keys::{self, SlugOf};

/// A product that is deleted between two reads is gone at the next one.
const READS: u32 = 3;

pub(crate) struct Known {
    pub levels: HashMap<Sku, StoredLevel>,
    pub products: HashMap<ProductId, CatalogProduct>,
    /// Every slug that a row of the chunk may want; `None` where it is free.
    pub slugs: HashMap<Slug, Option<ProductId>>,
}

impl Known {
    pub async fn load(catalog: &Catalog, rows: &[Upsert]) -> Result<Self, StoreError> {
        let mut known = Self::read(catalog, rows).await?;
        for read in 1..READS {
            if known.hangs_together() {
                break;
            }
            catalog.db.backoff(read).await;
            known = Self::read(catalog, rows).await?;
        }
        Ok(known)
    }

    async fn read(catalog: &Catalog, rows: &[Upsert]) -> Result<Self, StoreError> {
        let levels = inventory::read_levels(&catalog.db, rows.iter().map(|row| &row.sku)).await?;
        let slugs = load_slugs(catalog, rows, &levels).await?;
        let named = rows.iter().filter_map(|row| slugs.get(row.slug.as_ref()?).copied().flatten());
        let ids: BTreeSet<_> = levels.values().filter_map(product_of).chain(named).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let found = catalog.products(&ids).await?;
        let products = ids.into_iter().zip(found).filter_map(|(id, found)| Some((id, found?)));

        Ok(Self { levels, products: products.collect(), slugs })
    }

    fn hangs_together(&self) -> bool {
        self.levels.values().filter_map(product_of).all(|id| self.products.contains_key(&id))
    }
}

fn product_of(level: &StoredLevel) -> Option<ProductId> {
    match level {
        StoredLevel::Live(level) => Some(level.product),
        StoredLevel::Retired(_) => None,
    }
}

async fn load_slugs(
    catalog: &Catalog,
    rows: &[Upsert],
    levels: &HashMap<Sku, StoredLevel>,
) -> Result<HashMap<Slug, Option<ProductId>>, StoreError> {
    #[derive(serde::Deserialize)]
    struct Claim {
        id: ProductId,
    }
    let is_new = |row: &&Upsert| levels.get(&row.sku).and_then(product_of).is_none();
    let mut wanted: BTreeSet<Slug> = rows.iter().filter_map(|row| row.slug.clone()).collect();
    for row in rows.iter().filter(|row| row.slug.is_none()).filter(is_new) {
        wanted.extend(candidates(row));
    }
    let wanted: Vec<_> = wanted.into_iter().collect();
    let mut slugs = HashMap::new();

    for chunk in wanted.chunks(100) {
        let keys: Vec<_> = chunk.iter().map(|slug| keys::slug(SlugOf::Product, slug)).collect();
        for (slug, item) in chunk.iter().zip(catalog.db.items.batch_get(&keys).await?) {
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

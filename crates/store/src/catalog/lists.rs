//! Lists in an order of somebody's choosing: featured products, and bestseller rankings.

use std::collections::HashMap;

use domain::tags::{self, Write};
use domain::{CategoryId, CategoryTree, Change, FieldError, ProductId};
use ports::{Attributes, PortError, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::catalog::plan::{Meaning, Plan, at_version};
use crate::catalog::{Catalog, Committed, Surroundings, What};
use crate::{Actor, StoreError, keys};

/// More than fit on any front page.
pub const FEATURED_MAX: usize = 200;
/// The deepest page of bestsellers that anybody asks for.
pub const RANKING_MAX: usize = 100;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeaturedList {
    pub products: Vec<ProductId>,
    /// 0 when nothing was ever featured.
    pub version: u64,
}

/// The best sellers of the shop, or of a category, best first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranking {
    #[serde(default)]
    pub category: Option<CategoryId>,
    pub products: Vec<ProductId>,
    pub version: u64,
}

impl Catalog {
    pub async fn featured(&self) -> Result<FeaturedList, StoreError> {
        let item = self.items.get(&keys::featured()).await?;

        Ok(item.map(|item| item.parse("the featured list")).transpose()?.unwrap_or_default())
    }

    pub async fn set_featured(
        &self,
        version: u64,
        products: &[ProductId],
        by: &Actor,
    ) -> Result<Committed<FeaturedList>, StoreError> {
        self.check_list(products, FEATURED_MAX).await?;
        let before = self.featured().await?;
        if before.version != version {
            return Err(StoreError::VersionMismatch { current: before.version });
        }
        if before.products == products {
            return self.unchanged(before).await;
        }
        let after = FeaturedList { products: products.to_vec(), version: version + 1 };
        let mut plan = Plan::default();
        push_featured(&mut plan, &before, &after)?;
        let what = What {
            action: "featured.set",
            entity: "featured".into(),
            details: json!({ "products": products.len() }),
        };

        self.commit(plan, by, what, after).await
    }

    pub async fn rankings(&self) -> Result<HashMap<Option<CategoryId>, Ranking>, StoreError> {
        let rows = self.partition(keys::LISTS).await?;
        let rankings = rows.into_iter().filter(|row| row.key.sk.starts_with("bestsellers"));
        let parsed = rankings.map(|row| row.attributes.parse::<Ranking>("a ranking"));

        Ok(parsed
            .map(|ranking| ranking.map(|ranking| (ranking.category, ranking)))
            .collect::<Result<_, PortError>>()?)
    }

    /// Puts a new ranking in place; one that is equal to the old one changes nothing.
    pub async fn set_ranking(
        &self,
        category: Option<CategoryId>,
        products: &[ProductId],
        by: &Actor,
    ) -> Result<Committed<Ranking>, StoreError> {
        self.check_list(products, RANKING_MAX).await?;
        let old = self.rankings().await?.remove(&category);
        let version = old.as_ref().map_or(0, |old| old.version);
        let new = Ranking { category, products: products.to_vec(), version: version + 1 };
        if let Some(old) = old
            && old.products == new.products
        {
            return self.unchanged(old).await;
        }

        let mut plan = Plan::default();
        push_list(&mut plan, keys::ranking(category), Attributes::of(&new)?, version);
        let write = Write::Bestsellers { categories: vec![category] };
        plan.tag(tags::of_write(&write, &CategoryTree::default(), &[]));
        plan.changed(Change::to(keys::ranking(category).sk, new.version));
        let what = What {
            action: "bestsellers.set",
            entity: keys::ranking(category).sk,
            details: json!({ "products": products.len() }),
        };
        self.commit(plan, by, what, new).await
    }

    /// Takes a deleted product out of the featured list and out of collections made by hand.
    pub(crate) async fn forget_in_lists(
        &self,
        plan: &mut Plan,
        id: ProductId,
        around: &Surroundings,
    ) -> Result<(), StoreError> {
        let before = self.featured().await?;
        if before.products.contains(&id) {
            let kept = before.products.iter().copied().filter(|product| *product != id).collect();
            let after = FeaturedList { products: kept, version: before.version + 1 };
            push_featured(plan, &before, &after)?;
        }
        for collection in &around.collections {
            let domain::Membership::Manual { products } = &collection.membership else { continue };
            if !products.contains(&id) {
                continue;
            }
            let kept = products.iter().copied().filter(|product| *product != id).collect();
            let after = domain::Collection {
                membership: domain::Membership::Manual { products: kept },
                version: collection.version + 1,
                updated_at: self.world.now(),
                ..collection.clone()
            };
            plan.replace(
                keys::collection(collection.id),
                Attributes::of(&after)?,
                collection.version,
                Meaning::StockMoved,
            );
            plan.changed(Change::to(collection.id.to_string(), after.version));
        }
        Ok(())
    }

    /// Those of `products` that are not there, with their places.
    pub(crate) async fn missing_products(
        &self,
        products: &[ProductId],
    ) -> Result<Vec<(usize, ProductId)>, StoreError> {
        let mut missing = Vec::new();

        for (chunk_at, chunk) in products.chunks(100).enumerate() {
            let keys: Vec<_> = chunk.iter().map(|id| keys::product(*id)).collect();
            let found = self.items.batch_get(&keys).await?;
            let absent = found.iter().enumerate().filter(|(_, item)| item.is_none());
            missing.extend(absent.map(|(at, _)| (chunk_at * 100 + at, chunk[at])));
        }
        Ok(missing)
    }

    async fn check_list(&self, products: &[ProductId], most: usize) -> Result<(), StoreError> {
        let mut wrong = Vec::new();
        if products.len() > most {
            let detail = format!("has at most {most} entries");
            return Err(StoreError::Invalid(vec![FieldError::new("/products", "length", detail)]));
        }
        for (at, id) in products.iter().enumerate() {
            if products[..at].contains(id) {
                let detail = format!("{id} stands in it twice");
                wrong.push(FieldError::new(format!("/products/{at}"), "duplicate", detail));
            }
        }
        if wrong.is_empty() {
            for (at, id) in self.missing_products(products).await? {
                let detail = format!("there is no product {id}");
                wrong.push(FieldError::new(format!("/products/{at}"), "unknown", detail));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(StoreError::Invalid(wrong)) }
    }
}

pub(crate) fn push_featured(
    plan: &mut Plan,
    before: &FeaturedList,
    after: &FeaturedList,
) -> Result<(), PortError> {
    push_list(plan, keys::featured(), Attributes::of(after)?, before.version);
    plan.tag(tags::of_write(&Write::Featured, &CategoryTree::default(), &[]));
    plan.changed(Change::to("featured", after.version));
    Ok(())
}

/// A list's first version is put, later ones replace the one before.
fn push_list(plan: &mut Plan, key: ports::Key, mut item: Attributes, before: u64) {
    // Absent, not null: an index or a condition tells the two apart.
    item.0.retain(|_, value| *value != Value::Null);
    let condition = match before {
        0 => ports::Condition::NotExists,
        version => at_version(version),
    };
    let action = ports::Action::Put { key, attributes: item, condition: Some(condition) };
    plan.push(action, Meaning::Version("list"));
}

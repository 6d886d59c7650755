//! Lists in an order of somebody's choosing: featured products, and bestseller rankings.

use std::collections::HashMap;

use domain::tags::Write;
use domain::{CategoryId, Change, FieldError, ProductId, Ref};
use ports::{Attributes, PortError, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::catalog::lost::Try;
use crate::catalog::plan::Plan;
use crate::catalog::products::known_category;
use crate::catalog::surroundings::Surroundings;
use crate::catalog::{Catalog, Committed, What};
use crate::{StoreError, WriteContext, keys};

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

impl Ranking {
    /// As rows of the change log name it.
    pub fn entity(&self) -> String {
        keys::ranking(self.category).sk
    }
}

impl FeaturedList {
    /// As rows of the change log name it.
    pub const ENTITY: &'static str = "featured";
}

/// By category; the shop's own under `None`.
pub(crate) type Rankings = HashMap<Option<CategoryId>, Ranking>;

impl Catalog {
    pub async fn featured(&self) -> Result<FeaturedList, StoreError> {
        let item = self.items.get(&keys::featured()).await?;

        Ok(item.map(|item| item.parse("the featured list")).transpose()?.unwrap_or_default())
    }

    pub async fn set_featured(
        &self,
        version: u64,
        products: &[ProductId],
        by: impl Into<WriteContext<'_, FeaturedList>>,
    ) -> Result<Committed<FeaturedList>, StoreError> {
        let by = by.into();
        self.retry(|| self.try_set_featured(version, products, by)).await
    }

    pub async fn rankings(&self) -> Result<Rankings, StoreError> {
        Ok(self.lists().await?.1)
    }

    /// Puts a new ranking in place; one that is equal to the old one changes nothing.
    pub async fn set_ranking(
        &self,
        category: Option<CategoryId>,
        products: &[ProductId],
        by: impl Into<WriteContext<'_, Ranking>>,
    ) -> Result<Committed<Ranking>, StoreError> {
        let by = by.into();
        self.retry(|| self.try_set_ranking(category, None, products, by)).await
    }

    /// As [`Catalog::set_ranking`], over `version` alone; 0 when there is none yet.
    pub async fn set_ranking_at(
        &self,
        category: Option<CategoryId>,
        version: u64,
        products: &[ProductId],
        by: impl Into<WriteContext<'_, Ranking>>,
    ) -> Result<Committed<Ranking>, StoreError> {
        let by = by.into();
        self.retry(|| self.try_set_ranking(category, Some(version), products, by)).await
    }

    async fn try_set_featured(
        &self,
        version: u64,
        products: &[ProductId],
        by: WriteContext<'_, FeaturedList>,
    ) -> Try<Committed<FeaturedList>> {
        let around = self.surroundings().await?;
        self.check_list(products, FEATURED_MAX).await?;
        let before = &around.featured;
        if before.version != version {
            return Err(StoreError::VersionMismatch { current: before.version }.into());
        }
        if before.products == products {
            return self.unchanged(by, before.clone()).await;
        }
        let after = FeaturedList { products: products.to_vec(), version: version + 1 };
        let mut plan = Plan::default();
        push_featured(&mut plan, before, &after)?;
        plan.moves(&around, None);
        let what = What {
            action: "featured.set",
            entity: "featured".into(),
            details: json!({ "products": products.len() }),
        };

        self.commit(plan, by, what, after).await
    }

    async fn try_set_ranking(
        &self,
        category: Option<CategoryId>,
        seen: Option<u64>,
        products: &[ProductId],
        by: WriteContext<'_, Ranking>,
    ) -> Try<Committed<Ranking>> {
        let around = self.surroundings().await?;
        if let Some(category) = category {
            known_category(&around.tree, &Ref::Id(category))?;
        }
        self.check_list(products, RANKING_MAX).await?;
        let old = around.rankings.get(&category);
        let version = old.map_or(0, |old| old.version);
        if seen.is_some_and(|seen| seen != version) {
            return Err(StoreError::VersionMismatch { current: version }.into());
        }
        if let Some(old) = old
            && old.products == products
        {
            return self.unchanged(by, old.clone()).await;
        }

        let new = Ranking { category, products: products.to_vec(), version: version + 1 };
        let mut plan = Plan::default();
        plan.replace(keys::ranking(category), without_nulls(Attributes::of(&new)?), version);
        plan.tag(&Write::Bestsellers { category });
        plan.changed(Change::to(keys::ranking(category).sk, new.version));
        plan.moves(&around, None);
        let what = What {
            action: "bestsellers.set",
            entity: keys::ranking(category).sk,
            details: json!({ "products": products.len() }),
        };
        self.commit(plan, by, what, new).await
    }

    /// The featured list and all rankings, in one read.
    pub(crate) async fn lists(&self) -> Result<(FeaturedList, Rankings), StoreError> {
        let mut featured = FeaturedList::default();
        let mut rankings = HashMap::new();

        for row in self.partition(keys::LISTS).await? {
            if row.key == keys::featured() {
                featured = row.attributes.parse("the featured list")?;
            } else if row.key.sk.starts_with(keys::BESTSELLERS) {
                let ranking: Ranking = row.attributes.parse("a ranking")?;
                rankings.insert(ranking.category, ranking);
            }
        }
        Ok((featured, rankings))
    }

    /// Takes a deleted product out of the featured list and of collections made by hand.
    pub(crate) fn forget_in_lists(
        &self,
        plan: &mut Plan,
        id: ProductId,
        around: &Surroundings,
    ) -> Result<(), PortError> {
        let before = &around.featured;
        if before.products.contains(&id) {
            let kept = before.products.iter().copied().filter(|product| *product != id).collect();
            let after = FeaturedList { products: kept, version: before.version + 1 };
            push_featured(plan, before, &after)?;
        }

        around
            .made_by_hand_with(id)
            .try_for_each(|collection| self.leave_collection(plan, collection, id))
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
    plan.replace(keys::featured(), Attributes::of(after)?, before.version);
    plan.tag(&Write::Featured);
    plan.changed(Change::to(FeaturedList::ENTITY, after.version));
    Ok(())
}

/// Absent, not null: an index or a condition tells the two apart.
fn without_nulls(mut item: Attributes) -> Attributes {
    item.0.retain(|_, value| *value != Value::Null);
    item
}

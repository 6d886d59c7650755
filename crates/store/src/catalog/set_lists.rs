//! The featured list and the rankings, read and written.

use std::collections::HashMap;

use domain::tags::Write;
use domain::{CategoryId, Change, Entity, FieldError, ProductId, Ref};
use ports::{Attributes, PortError, Value};
use serde_json::json;

use crate::audit::AuditRecord;
use crate::catalog::batch::CatalogBatch;
use crate::catalog::lists::{FEATURED_MAX, FeaturedList, RANKING_MAX, Ranking, Rankings};
use crate::catalog::products::known_category;
use crate::catalog::repository::{Catalog, Committed};
use crate::catalog::tag_context::TagContext;
use crate::write::Attempt;
use crate::{StoreError, WriteContext, keys};

impl Catalog {
    pub async fn featured(&self) -> Result<FeaturedList, StoreError> {
        let item = self.db.items.get(&keys::featured()).await?;

        Ok(item.map(|item| item.parse("the featured list")).transpose()?.unwrap_or_default())
    }

    pub async fn set_featured(
        &self,
        version: u64,
        products: &[ProductId],
        by: impl Into<WriteContext<'_, FeaturedList>>,
    ) -> Result<Committed<FeaturedList>, StoreError> {
        let by = by.into();
        self.db.retry(|| self.try_set_featured(version, products, by)).await
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
        self.db.retry(|| self.try_set_ranking(category, None, products, by)).await
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
        self.db.retry(|| self.try_set_ranking(category, Some(version), products, by)).await
    }

    async fn try_set_featured(
        &self,
        version: u64,
        products: &[ProductId],
        by: WriteContext<'_, FeaturedList>,
    ) -> Attempt<Committed<FeaturedList>> {
        let context = self.tag_context().await?;
        self.check_list(products, FEATURED_MAX).await?;
        let before = &context.featured;
        if before.version != version {
            return Err(StoreError::VersionMismatch { current: before.version }.into());
        }
        if before.products == products {
            return self.unchanged(by, before.clone()).await;
        }
        let after = FeaturedList { products: products.to_vec(), version: version + 1 };
        let mut batch = CatalogBatch::default();
        batch.set_featured(before, &after)?;
        batch.moves(&context, None);
        let record = AuditRecord {
            action: "featured.set",
            entity: "featured".into(),
            details: json!({ "products": products.len() }),
        };

        self.commit(batch, by, record, after).await
    }

    async fn try_set_ranking(
        &self,
        category: Option<CategoryId>,
        seen: Option<u64>,
        products: &[ProductId],
        by: WriteContext<'_, Ranking>,
    ) -> Attempt<Committed<Ranking>> {
        let context = self.tag_context().await?;
        if let Some(category) = category {
            known_category(&context.tree, &Ref::Id(category))?;
        }
        self.check_list(products, RANKING_MAX).await?;
        let old = context.rankings.get(&category);
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
        let mut batch = CatalogBatch::default();
        batch.writes.replace(
            keys::ranking(category),
            without_nulls(Attributes::of(&new)?),
            version,
        );
        batch.tag(&Write::Bestsellers { category });
        batch.changed(Change::to(Entity::Bestsellers(category), new.version));
        batch.moves(&context, None);
        let record = AuditRecord {
            action: "bestsellers.set",
            entity: Entity::Bestsellers(category).to_string(),
            details: json!({ "products": products.len() }),
        };
        self.commit(batch, by, record, new).await
    }

    /// The featured list and all rankings, in one read.
    pub(crate) async fn lists(&self) -> Result<(FeaturedList, Rankings), StoreError> {
        let mut featured = FeaturedList::default();
        let mut rankings = HashMap::new();

        for row in self.partition(keys::LISTS).await? {
            if row.key == keys::featured() {
                featured = row.attributes.parse("the featured list")?;
            } else if keys::is_ranking(&row.key) {
                let ranking: Ranking = row.attributes.parse("a ranking")?;
                rankings.insert(ranking.category, ranking);
            }
        }
        Ok((featured, rankings))
    }

    /// Takes a deleted product out of the featured list and of collections made by hand.
    pub(crate) fn forget_in_lists(
        &self,
        batch: &mut CatalogBatch,
        id: ProductId,
        context: &TagContext,
    ) -> Result<(), PortError> {
        let before = &context.featured;
        if before.products.contains(&id) {
            let kept = before.products.iter().copied().filter(|product| *product != id).collect();
            let after = FeaturedList { products: kept, version: before.version + 1 };
            batch.set_featured(before, &after)?;
        }

        context
            .made_by_hand_with(id)
            .try_for_each(|collection| self.leave_collection(batch, collection, id))
    }

    /// Those of `products` that are not there, with their places.
    pub(crate) async fn missing_products(
        &self,
        products: &[ProductId],
    ) -> Result<Vec<(usize, ProductId)>, StoreError> {
        let mut missing = Vec::new();

        for (chunk_at, chunk) in products.chunks(100).enumerate() {
            let keys: Vec<_> = chunk.iter().map(|id| keys::product(*id)).collect();
            let found = self.db.items.batch_get(&keys).await?;
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

impl CatalogBatch {
    pub fn set_featured(
        &mut self,
        before: &FeaturedList,
        after: &FeaturedList,
    ) -> Result<(), PortError> {
        self.writes.replace(keys::featured(), Attributes::of(after)?, before.version);
        self.tag(&Write::Featured);
        self.changed(Change::to(Entity::Featured, after.version));
        Ok(())
    }
}

/// Absent, not null: an index or a condition tells the two apart.
fn without_nulls(mut item: Attributes) -> Attributes {
    item.0.retain(|_, value| *value != Value::Null);
    item
}

//! Products, written.

use domain::draft::{ATTRIBUTES_MAX, ProductDraft, ProductPatch};
use domain::{
    CatalogProduct, CategoryId, CategoryTree, FieldError, Product, ProductId, Ref, Slug, Timestamp,
};
use ports::Attributes;
use serde_json::json;

use crate::audit::AuditRecord;
use crate::catalog::batch::CatalogBatch;
use crate::catalog::partition::check_size;
use crate::catalog::repository::{Catalog, Committed};
use crate::catalog::tag_context::TagContext;
use crate::inventory::{self, NewLevel, StockChange, StoredLevel};
use crate::keys::{self, SlugOf};
use crate::write::{Attempt, WriteConflict};
use crate::{StoreError, WriteContext};

impl Catalog {
    pub async fn create_product(
        &self,
        draft: &ProductDraft,
        by: impl Into<WriteContext<'_, CatalogProduct>>,
    ) -> Result<Committed<CatalogProduct>, StoreError> {
        let by = by.into();
        self.db.retry(|| self.try_create_product(draft, by)).await
    }

    pub async fn update_product(
        &self,
        id: ProductId,
        version: u64,
        patch: &ProductPatch,
        by: impl Into<WriteContext<'_, CatalogProduct>>,
    ) -> Result<Committed<CatalogProduct>, StoreError> {
        let by = by.into();
        self.db.retry(|| self.try_update_product(id, version, patch, by)).await
    }

    /// Frees its slug and its SKUs, and takes it out of the featured list and of collections made by
    /// hand.
    pub async fn delete_product(
        &self,
        id: ProductId,
        version: u64,
        by: impl Into<WriteContext<'_, ()>>,
    ) -> Result<Committed<()>, StoreError> {
        let by = by.into();
        self.db.retry(|| self.try_delete_product(id, version, by)).await
    }

    async fn try_create_product(
        &self,
        draft: &ProductDraft,
        by: WriteContext<'_, CatalogProduct>,
    ) -> Attempt<Committed<CatalogProduct>> {
        let context = self.tag_context().await?;
        let category = known_category(&context.tree, &draft.category)?;
        let now = self.db.now();
        let id = ProductId::new(now, self.db.random());
        let slug = match &draft.slug {
            Some(slug) => slug.clone(),
            None => self.free_slug(&draft.name, id).await?,
        };
        let (product, levels) = self.assemble(id, slug, draft, category, now).await?;
        check_size(&product.product).map_err(|error| StoreError::Invalid(vec![error]))?;

        let mut batch = CatalogBatch::default();
        batch.product(None, Some(&product), &context)?;
        let change = StockChange { by: by.actor(), reason: "initial", at: now };
        for level in &levels {
            inventory::create_level(&mut batch.writes, level, change)?;
        }
        batch.writes.push(context.check());
        let record = AuditRecord {
            action: "product.create",
            entity: id.to_string(),
            details: json!({ "name": draft.name, "slug": product.product.slug }),
        };
        match self.commit(batch, by, record, product).await {
            Err(conflict) if draft.slug.is_none() => Err(conflict.choosing_another_slug()),
            answer => answer,
        }
    }

    async fn try_update_product(
        &self,
        id: ProductId,
        version: u64,
        patch: &ProductPatch,
        by: WriteContext<'_, CatalogProduct>,
    ) -> Attempt<Committed<CatalogProduct>> {
        let context = self.tag_context().await?;
        let before = self.product_at(id, version).await?;
        let mut after = before.clone();
        let fields = apply(patch, &mut after.product, &context.tree)?;
        if after == before {
            return self.unchanged(by, before).await;
        }
        check_size(&after.product).map_err(|error| StoreError::Invalid(vec![error]))?;
        touch(&mut after.product, self.db.now());

        let mut batch = CatalogBatch::default();
        batch.product(Some(&before), Some(&after), &context)?;
        batch.writes.push(context.check());
        let record =
            AuditRecord { action: "product.update", entity: id.to_string(), details: fields };
        self.commit(batch, by, record, after).await
    }

    async fn try_delete_product(
        &self,
        id: ProductId,
        version: u64,
        by: WriteContext<'_, ()>,
    ) -> Attempt<Committed<()>> {
        let context = self.tag_context().await?;
        let before = self.product_at(id, version).await?;
        if self.leave_crowd_of_collections(id, &context, by).await? {
            return Err(WriteConflict::Stale);
        }

        let mut batch = CatalogBatch::default();
        batch.product(Some(&before), None, &context)?;
        self.retire_levels(&mut batch, &before.variants, by.actor()).await?;
        self.forget_in_lists(&mut batch, id, &context)?;
        let after = (!context.lists(id)).then(|| context.counted_up(self.db.random()));
        batch.moves(&context, after);
        let record = AuditRecord {
            action: "product.delete",
            entity: id.to_string(),
            details: json!({ "name": before.product.name, "slug": before.product.slug }),
        };
        self.commit(batch, by, record, ()).await
    }

    /// The first slug of a name that is free: `tent`, `tent-2` … or one with the id's end.
    async fn free_slug(&self, name: &str, id: ProductId) -> Result<Slug, StoreError> {
        let end = id.to_string()[20..].to_ascii_lowercase();
        let stem = Slug::of_name(name).or_else(|| format!("product-{end}").parse().ok());
        let stem = stem.ok_or(StoreError::NotFound("slug"))?;
        let mut wanted = vec![stem.clone()];
        wanted.extend((2..=5).filter_map(|n: u32| stem.with_suffix(&n.to_string())));
        wanted.extend(stem.with_suffix(&end));
        let claims: Vec<_> = wanted.iter().map(|slug| keys::slug(SlugOf::Product, slug)).collect();
        let taken = self.db.items.batch_get(&claims).await?;

        let free = wanted.into_iter().zip(taken).find(|(_, taken)| taken.is_none());
        free.map(|(slug, _)| slug).ok_or(StoreError::SlugTaken(stem))
    }

    async fn assemble(
        &self,
        id: ProductId,
        slug: Slug,
        draft: &ProductDraft,
        category: CategoryId,
        now: Timestamp,
    ) -> Result<(CatalogProduct, Vec<NewLevel>), StoreError> {
        let skus = draft.variants.iter().map(|variant| &variant.sku);
        let known = inventory::read_levels(&self.db, skus).await?;
        let mut variants = Vec::with_capacity(draft.variants.len());
        let mut levels = Vec::with_capacity(draft.variants.len());
        for draft in &draft.variants {
            let stored = known.get(&draft.sku);
            if let Some(StoredLevel::Live(_)) = stored {
                return Err(StoreError::SkuTaken(draft.sku.clone()));
            }
            let (variant, level) = self.new_variant(id, draft, stored, now);
            variants.push(variant);
            levels.push(level);
        }
        let product = Product {
            id,
            slug,
            name: draft.name.clone(),
            description: draft.description.clone(),
            brand: draft.brand.clone(),
            category,
            status: draft.status,
            images: draft.images.clone(),
            attributes: draft.attributes.clone(),
            variants: variants.iter().map(|variant| variant.id).collect(),
            version: 1,
            created_at: now,
            updated_at: now,
        };

        Ok((CatalogProduct { product, variants }, levels))
    }

    /// A product in more manual collections than one transaction holds leaves some of them first;
    /// answers whether it did.
    async fn leave_crowd_of_collections(
        &self,
        id: ProductId,
        context: &TagContext,
        by: WriteContext<'_, ()>,
    ) -> Attempt<bool> {
        const AT_ONCE: usize = 8;
        let crowd: Vec<_> = context.made_by_hand_with(id).collect();
        if crowd.len() <= AT_ONCE {
            return Ok(false);
        }
        for collections in crowd[AT_ONCE..].chunks(AT_ONCE * 4) {
            let context = self.tag_context().await?;
            let mut batch = CatalogBatch::default();
            for collection in collections {
                self.leave_collection(&mut batch, collection, id)?;
            }
            batch.moves(&context, None);
            let record = AuditRecord {
                action: "collection.update",
                entity: id.to_string(),
                details: json!({ "left": collections.iter().map(|c| c.id).collect::<Vec<_>>() }),
            };
            self.commit(batch, by.step(), record, ()).await?;
        }
        Ok(true)
    }
}

/// Counts an edit.
pub(crate) fn touch(product: &mut Product, now: Timestamp) {
    product.version += 1;
    product.updated_at = now;
}

pub(crate) fn known_category(
    tree: &CategoryTree,
    reference: &Ref<CategoryId>,
) -> Result<CategoryId, StoreError> {
    let found = tree.find(reference).map(|category| category.id);

    found.ok_or_else(|| {
        let detail = format!("there is no category {reference}");
        StoreError::Invalid(vec![FieldError::new("/category", "unknown", detail)])
    })
}

/// Merges a patch into a product; answers with what the audit list keeps of it.
fn apply(
    patch: &ProductPatch,
    product: &mut Product,
    tree: &CategoryTree,
) -> Result<ports::Value, StoreError> {
    let mut fields = Attributes::default();
    if let Some(name) = &patch.name {
        product.name.clone_from(name);
        fields = fields.with("name", name.as_str());
    }
    if let Some(slug) = &patch.slug {
        product.slug = slug.clone();
        fields = fields.with("slug", slug.as_str());
    }
    if let Some(description) = &patch.description {
        product.description.clone_from(description);
        fields = fields.with("description", "changed");
    }
    if let Some(brand) = &patch.brand {
        product.brand.clone_from(brand);
        fields = fields.with("brand", brand.clone());
    }
    if let Some(category) = &patch.category {
        product.category = known_category(tree, category)?;
        fields = fields.with("category", product.category.to_string());
    }
    if let Some(status) = patch.status {
        product.status = status;
        fields = fields.with("status", json!(status));
    }
    if let Some(images) = &patch.images {
        product.images.clone_from(images);
        fields = fields.with("images", images.len());
    }
    if let Some(attributes) = &patch.attributes {
        for (name, value) in attributes {
            match value {
                Some(value) => product.attributes.insert(name.clone(), value.clone()),
                None => product.attributes.remove(name),
            };
        }
        fields = fields.with("attributes", json!(attributes));
    }
    // Each patch is small enough by itself; what they add up to must be, too.
    if product.attributes.len() > ATTRIBUTES_MAX {
        let detail = format!("has at most {ATTRIBUTES_MAX} entries");
        return Err(StoreError::Invalid(vec![FieldError::new("/attributes", "length", detail)]));
    }

    Ok(ports::Value::Object(fields.0))
}

//! Products, read and written.

use domain::draft::{ProductDraft, ProductPatch, VariantDraft};
use domain::{
    Availability, CatalogProduct, CategoryId, CategoryTree, FieldError, Product, ProductId, Ref,
    Slug, StockLevel, Timestamp, Variant, VariantId,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use ports::{Attributes, Row};
use serde_json::json;

use crate::catalog::plan::Plan;
use crate::catalog::{Catalog, Committed, What, claimed_by, stored};
use crate::keys::{self, SlugOf};
use crate::{Actor, StoreError, stock_rows};

/// So many partitions are read at once when a batch is asked for.
const READS_AT_ONCE: usize = 16;

impl Catalog {
    /// The product with all its variants, in one consistent read.
    pub async fn product(&self, id: ProductId) -> Result<Option<CatalogProduct>, StoreError> {
        let rows = self.partition(&keys::product_partition(id)).await?;

        Ok(assemble(rows)?)
    }

    pub async fn find_product(
        &self,
        reference: &Ref<ProductId>,
    ) -> Result<Option<CatalogProduct>, StoreError> {
        match reference {
            Ref::Id(id) => self.product(*id).await,
            Ref::Slug(slug) => {
                let Some(id) = claimed_by(&*self.items, SlugOf::Product, slug).await? else {
                    return Ok(None);
                };
                // Between the two reads the slug may have gone to another product.
                let found = self.product(id).await?;
                Ok(found.filter(|found| found.product.slug == *slug))
            }
        }
    }

    /// The id behind a slug; an id as it is.
    pub async fn find_id(
        &self,
        reference: &Ref<ProductId>,
    ) -> Result<Option<ProductId>, StoreError> {
        match reference {
            Ref::Id(id) => Ok(Some(*id)),
            Ref::Slug(slug) => Ok(claimed_by(&*self.items, SlugOf::Product, slug).await?),
        }
    }

    /// The products with these ids, in their order; `None` for those that are not there.
    pub async fn products(
        &self,
        ids: &[ProductId],
    ) -> Result<Vec<Option<CatalogProduct>>, StoreError> {
        stream::iter(ids.to_vec())
            .map(|id| async move { self.product(id).await })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await
    }

    pub async fn create_product(
        &self,
        draft: &ProductDraft,
        by: &Actor,
    ) -> Result<Committed<CatalogProduct>, StoreError> {
        let around = self.surroundings().await?;
        let category = known_category(&around.tree, &draft.category)?;
        let now = self.world.now();
        let id = ProductId::new(now, self.world.random());
        let slugs = match &draft.slug {
            Some(slug) => vec![slug.clone()],
            None => self.free_slugs(&draft.name, id).await?,
        };
        let mut lost = StoreError::Busy;

        // A slug of our own choosing may be taken by somebody else in the meantime.
        for slug in slugs {
            let created = self.assemble_new(id, slug, draft, category, now);
            let mut plan = Plan::default();
            plan.product(None, Some(&created.0), &created.1, &around)?;
            stock_rows::push_initial(&mut plan, &created.1, by, now)?;
            let what = What {
                action: "product.create",
                entity: id.to_string(),
                details: json!({ "name": draft.name, "slug": created.0.product.slug }),
            };
            match self.commit(plan, by, what, created.0).await {
                Err(StoreError::SlugTaken(slug)) => lost = StoreError::SlugTaken(slug),
                answer => return answer,
            }
        }
        Err(lost)
    }

    pub async fn update_product(
        &self,
        id: ProductId,
        version: u64,
        patch: &ProductPatch,
        by: &Actor,
    ) -> Result<Committed<CatalogProduct>, StoreError> {
        let before = self.product_at(id, version).await?;
        let around = self.surroundings().await?;
        let mut after = before.clone();
        let fields = apply(patch, &mut after.product, &around.tree)?;

        if after == before {
            return self.unchanged(before).await;
        }
        touch(&mut after.product, self.world.now());
        let mut plan = Plan::default();
        plan.product(Some(&before), Some(&after), &[], &around)?;
        let what = What { action: "product.update", entity: id.to_string(), details: fields };
        self.commit(plan, by, what, after).await
    }

    pub async fn delete_product(
        &self,
        id: ProductId,
        version: u64,
        by: &Actor,
    ) -> Result<Committed<()>, StoreError> {
        let before = self.product_at(id, version).await?;
        let around = self.surroundings().await?;
        let mut plan = Plan::default();
        plan.product(Some(&before), None, &[], &around)?;
        self.forget_in_lists(&mut plan, id, &around).await?;
        let what = What {
            action: "product.delete",
            entity: id.to_string(),
            details: json!({ "name": before.product.name, "slug": before.product.slug }),
        };

        self.commit(plan, by, what, ()).await
    }

    /// The product, if it is at `version`.
    pub(crate) async fn product_at(
        &self,
        id: ProductId,
        version: u64,
    ) -> Result<CatalogProduct, StoreError> {
        let found = self.product(id).await?.ok_or(StoreError::NotFound("product"))?;

        if found.product.version == version {
            Ok(found)
        } else {
            Err(StoreError::VersionMismatch { current: found.product.version })
        }
    }

    /// A write that changes nothing appends nothing.
    pub(crate) async fn unchanged<T>(&self, value: T) -> Result<Committed<T>, StoreError> {
        let head = self.log.head().await?;

        Ok(Committed { value, log: head.log, seq: head.head })
    }

    /// Slugs for a name, those that are free first: `tent`, `tent-2` … and one with the id's end.
    async fn free_slugs(&self, name: &str, id: ProductId) -> Result<Vec<Slug>, StoreError> {
        let end = id.to_string()[20..].to_ascii_lowercase();
        let stem = Slug::of_name(name).or_else(|| format!("product-{end}").parse().ok());
        let stem = stem.ok_or(StoreError::NotFound("slug"))?;
        let mut wanted = vec![stem.clone()];
        wanted.extend((2..=5).filter_map(|n: u32| stem.with_suffix(&n.to_string())));
        wanted.extend(stem.with_suffix(&end));
        let claims: Vec<_> =
            wanted.iter().map(|slug| keys::slug(SlugOf::Product, slug)).collect();
        let taken = self.items.batch_get(&claims).await?;
        let free = wanted.into_iter().zip(taken).filter(|(_, taken)| taken.is_none());

        Ok(free.map(|(slug, _)| slug).collect())
    }

    fn assemble_new(
        &self,
        id: ProductId,
        slug: Slug,
        draft: &ProductDraft,
        category: CategoryId,
        now: Timestamp,
    ) -> (CatalogProduct, Vec<StockLevel>) {
        let drafts = draft.variants.iter();
        let (variants, levels): (Vec<_>, Vec<_>) =
            drafts.map(|draft| self.new_variant(id, draft, now)).unzip();
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

        (CatalogProduct { product, variants }, levels)
    }

    pub(crate) fn new_variant(
        &self,
        product: ProductId,
        draft: &VariantDraft,
        now: Timestamp,
    ) -> (Variant, StockLevel) {
        let id = VariantId::new(now, self.world.random());
        let variant = Variant {
            id,
            product,
            sku: draft.sku.clone(),
            options: draft.options.clone(),
            price: draft.price,
            compare_at: draft.compare_at,
            availability: Availability::of(draft.stock),
            level_version: 1,
            version: 1,
            updated_at: now,
        };
        let level = StockLevel {
            sku: draft.sku.clone(),
            product,
            variant: id,
            on_hand: draft.stock,
            available: draft.stock,
            held: 0,
            allocated: 0,
            version: 1,
        };

        (variant, level)
    }
}

/// A product from the rows of its partition; `None` while a part of it is not to be seen.
pub(crate) fn assemble(rows: Vec<Row>) -> Result<Option<CatalogProduct>, ports::PortError> {
    let mut product: Option<Product> = None;
    let mut variants = Vec::<Variant>::new();

    for row in rows {
        if row.key.sk.starts_with(keys::VARIANT_PREFIX) {
            variants.push(stored(row, "a variant")?);
        } else {
            product = Some(stored(row, "a product")?);
        }
    }
    let Some(product) = product else { return Ok(None) };
    let place = |variant: &Variant| product.variants.iter().position(|id| *id == variant.id);
    variants.retain(|variant| place(variant).is_some());
    variants.sort_by_key(|variant| place(variant));

    let whole = variants.len() == product.variants.len();
    Ok(whole.then_some(CatalogProduct { product, variants }))
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

    Ok(ports::Value::Object(fields.0))
}

//! Variants, written. An edit of a variant counts as an edit of its product.

use std::collections::BTreeMap;

use domain::draft::{VARIANTS_MAX, VariantDraft, VariantPatch};
use domain::{
    Availability, CatalogProduct, Currency, FieldError, ProductId, StockLevel, StockPolicy,
    Timestamp, Variant, VariantId,
};
use ports::Attributes;
use serde_json::json;

use crate::audit::AuditRecord;
use crate::catalog::batch::CatalogBatch;
use crate::catalog::products::touch;
use crate::catalog::repository::{Catalog, Committed};
use crate::inventory::{self, NewLevel, StockChange, StoredLevel};
use crate::write::Attempt;
use crate::{Actor, StoreError, WriteContext};

impl Catalog {
    pub async fn add_variant(
        &self,
        product: ProductId,
        version: u64,
        draft: &VariantDraft,
        by: impl Into<WriteContext<'_, Variant>>,
    ) -> Result<Committed<Variant>, StoreError> {
        let by = by.into();
        self.db.retry(|| self.try_add_variant(product, version, draft, by)).await
    }

    /// `version` is the variant's own: other edits of its product, and its stock, may go on.
    pub async fn update_variant(
        &self,
        id: VariantId,
        version: u64,
        patch: &VariantPatch,
        currency: Currency,
        by: impl Into<WriteContext<'_, Variant>>,
    ) -> Result<Committed<Variant>, StoreError> {
        let by = by.into();
        self.db.retry(|| self.try_update_variant(id, version, patch, currency, by)).await
    }

    pub async fn delete_variant(
        &self,
        id: VariantId,
        version: u64,
        by: impl Into<WriteContext<'_, ()>>,
    ) -> Result<Committed<()>, StoreError> {
        let by = by.into();
        self.db.retry(|| self.try_delete_variant(id, version, by)).await
    }

    async fn try_add_variant(
        &self,
        product: ProductId,
        version: u64,
        draft: &VariantDraft,
        by: WriteContext<'_, Variant>,
    ) -> Attempt<Committed<Variant>> {
        let context = self.tag_context().await?;
        let before = self.product_at(product, version).await?;
        if before.variants.len() >= VARIANTS_MAX {
            let detail = format!("the product has {VARIANTS_MAX} variants already");
            return Err(invalid("", "length", detail).into());
        }
        distinct(&before, None, &draft.options)?;
        let known = inventory::read_levels(&self.db, [&draft.sku]).await?;
        let stored = known.get(&draft.sku);
        if let Some(StoredLevel::Live(_)) = stored {
            return Err(StoreError::SkuTaken(draft.sku.clone()).into());
        }
        let now = self.db.now();
        let (variant, level) = self.new_variant(product, draft, stored, now);
        let mut after = before.clone();
        after.product.variants.push(variant.id);
        after.variants.push(variant.clone());
        touch(&mut after.product, now);

        let mut batch = CatalogBatch::default();
        batch.product(Some(&before), Some(&after), &context)?;
        let change = StockChange { by: by.actor(), reason: "initial", at: now };
        inventory::create_level(&mut batch.writes, &level, change)?;
        batch.writes.push(context.check());
        let record = AuditRecord {
            action: "variant.create",
            entity: variant.id.to_string(),
            details: json!({ "product": product, "sku": variant.sku }),
        };
        self.commit(batch, by, record, variant).await
    }

    async fn try_update_variant(
        &self,
        id: VariantId,
        version: u64,
        patch: &VariantPatch,
        currency: Currency,
        by: WriteContext<'_, Variant>,
    ) -> Attempt<Committed<Variant>> {
        let context = self.tag_context().await?;
        let (before, old) = self.variant_at(id, version).await?;
        let (new, fields) = patched(&old, patch);
        patch.check(&new, currency).map_err(StoreError::Invalid)?;
        distinct(&before, Some(id), &new.options)?;
        if new == old {
            return self.unchanged(by, old).await;
        }
        let now = self.db.now();
        let new = Variant { version: old.version + 1, updated_at: now, ..new };
        let mut after = before.clone();
        for variant in after.variants.iter_mut().filter(|variant| variant.id == id) {
            *variant = new.clone();
        }
        touch(&mut after.product, now);

        let mut batch = CatalogBatch::default();
        batch.product(Some(&before), Some(&after), &context)?;
        batch.writes.push(context.check());
        let record =
            AuditRecord { action: "variant.update", entity: id.to_string(), details: fields };
        self.commit(batch, by, record, new).await
    }

    async fn try_delete_variant(
        &self,
        id: VariantId,
        version: u64,
        by: WriteContext<'_, ()>,
    ) -> Attempt<Committed<()>> {
        let context = self.tag_context().await?;
        let (before, old) = self.variant_at(id, version).await?;
        if before.variants.len() == 1 {
            let why = "a product keeps at least one variant; delete the product instead";
            return Err(StoreError::InUse(why.into()).into());
        }
        let mut after = before.clone();
        after.product.variants.retain(|variant| *variant != id);
        after.variants.retain(|variant| variant.id != id);
        touch(&mut after.product, self.db.now());

        let mut batch = CatalogBatch::default();
        batch.product(Some(&before), Some(&after), &context)?;
        self.retire_levels(&mut batch, std::slice::from_ref(&old), by.actor()).await?;
        batch.writes.push(context.check());
        let record = AuditRecord {
            action: "variant.delete",
            entity: id.to_string(),
            details: json!({ "product": old.product, "sku": old.sku }),
        };
        self.commit(batch, by, record, ()).await
    }

    /// A variant that is not put anywhere yet, with its stock. `stored` is what is left of the SKU's
    /// last variant.
    pub(crate) fn new_variant(
        &self,
        product: ProductId,
        draft: &VariantDraft,
        stored: Option<&StoredLevel>,
        now: Timestamp,
    ) -> (Variant, NewLevel) {
        let id = VariantId::new(now, self.db.random());
        let last = stored.map(StoredLevel::level);
        let level = StockLevel {
            sku: draft.sku.clone(),
            product,
            variant: id,
            on_hand: draft.stock,
            available: draft.stock,
            held: 0,
            allocated: 0,
            policy: StockPolicy::default(),
            version: last.map_or(0, |last| last.version) + 1,
            movements: last.map_or(0, |last| last.movements),
        };
        let variant = Variant {
            id,
            product,
            sku: draft.sku.clone(),
            options: draft.options.clone(),
            price: draft.price,
            compare_at: draft.compare_at,
            availability: Availability::of(draft.stock),
            level_version: level.moves(),
            version: 1,
            updated_at: now,
        };

        (variant, NewLevel { level, was_retired: stored.is_some() })
    }

    /// Takes the stock of variants that go with them.
    pub(crate) async fn retire_levels(
        &self,
        batch: &mut CatalogBatch,
        variants: &[Variant],
        by: &Actor,
    ) -> Attempt<()> {
        let skus = variants.iter().map(|variant| &variant.sku);
        let mut known = inventory::read_levels(&self.db, skus).await?;
        let change = StockChange { by, reason: "deleted", at: self.db.now() };

        for variant in variants {
            if let Some(level) = known.remove(&variant.sku).and_then(StoredLevel::live) {
                inventory::retire_level(&mut batch.writes, &level, change)?;
            }
        }
        Ok(())
    }
}

fn patched(old: &Variant, patch: &VariantPatch) -> (Variant, ports::Value) {
    let mut new = old.clone();
    let mut fields = Attributes::default();
    if let Some(price) = patch.price {
        new.price = price;
        fields = fields.with("price", json!(price));
    }
    if let Some(compare_at) = patch.compare_at {
        new.compare_at = compare_at;
        fields = fields.with("compare_at", json!(compare_at));
    }
    if let Some(options) = &patch.options {
        new.options.clone_from(options);
        fields = fields.with("options", json!(options));
    }

    (new, ports::Value::Object(fields.0))
}

fn distinct(
    product: &CatalogProduct,
    except: Option<VariantId>,
    options: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    let mut others = product.variants.iter().filter(|variant| Some(variant.id) != except);

    if others.any(|variant| variant.options == *options) {
        return Err(invalid("/options", "duplicate", "another variant has these options"));
    }
    Ok(())
}

fn invalid(pointer: &str, code: &'static str, detail: impl Into<String>) -> StoreError {
    StoreError::Invalid(vec![FieldError::new(pointer, code, detail)])
}

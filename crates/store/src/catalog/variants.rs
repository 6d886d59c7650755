//! Variants, read and written. An edit of a variant counts as an edit of its product.

use domain::draft::{VARIANTS_MAX, VariantDraft, VariantPatch};
use domain::{CatalogProduct, Currency, FieldError, ProductId, Variant, VariantId};
use ports::Attributes;
use serde_json::json;

use crate::catalog::plan::Plan;
use crate::catalog::products::touch;
use crate::catalog::{Catalog, Committed, What};
use crate::{Actor, StoreError, keys, stock_rows};

/// More flips of one bucket in a row than any sale causes.
const TRIES: usize = 4;

impl Catalog {
    /// The variant with the product it belongs to.
    pub async fn variant(
        &self,
        id: VariantId,
    ) -> Result<Option<(CatalogProduct, Variant)>, StoreError> {
        #[derive(serde::Deserialize)]
        struct Pointer {
            product: ProductId,
        }
        let Some(item) = self.items.get(&keys::variant_pointer(id)).await? else {
            return Ok(None);
        };
        let pointer: Pointer = item.parse("a variant's pointer")?;
        let Some(product) = self.product(pointer.product).await? else { return Ok(None) };
        let variant = product.variants.iter().find(|variant| variant.id == id).cloned();

        Ok(variant.map(|variant| (product, variant)))
    }

    pub async fn add_variant(
        &self,
        product: ProductId,
        version: u64,
        draft: &VariantDraft,
        by: &Actor,
    ) -> Result<Committed<Variant>, StoreError> {
        let before = self.product_at(product, version).await?;
        if before.variants.len() >= VARIANTS_MAX {
            let detail = format!("the product has {VARIANTS_MAX} variants already");
            return Err(invalid("", "length", detail));
        }
        distinct(&before, None, &draft.options)?;
        let around = self.surroundings().await?;
        let now = self.world.now();
        let (variant, level) = self.new_variant(product, draft, now);
        let mut after = before.clone();
        after.product.variants.push(variant.id);
        after.variants.push(variant.clone());
        touch(&mut after.product, now);

        let levels = [level];
        let mut plan = Plan::default();
        plan.product(Some(&before), Some(&after), &levels, &around)?;
        stock_rows::push_initial(&mut plan, &levels, by, now)?;
        let what = What {
            action: "variant.create",
            entity: variant.id.to_string(),
            details: json!({ "product": product, "sku": variant.sku }),
        };
        self.commit(plan, by, what, variant).await
    }

    pub async fn update_variant(
        &self,
        id: VariantId,
        version: u64,
        patch: &VariantPatch,
        currency: Currency,
        by: &Actor,
    ) -> Result<Committed<Variant>, StoreError> {
        // Stock may move the variant's bucket between reading and writing; that is no edit.
        for _ in 0..TRIES {
            match self.try_update_variant(id, version, patch, currency, by).await {
                Err(StoreError::Busy) => {}
                answer => return answer,
            }
        }
        Err(StoreError::Busy)
    }

    async fn try_update_variant(
        &self,
        id: VariantId,
        version: u64,
        patch: &VariantPatch,
        currency: Currency,
        by: &Actor,
    ) -> Result<Committed<Variant>, StoreError> {
        let (before, old) = self.variant_at(id, version).await?;
        let (new, fields) = patched(&old, patch);
        patch.check(&new, currency).map_err(StoreError::Invalid)?;
        distinct(&before, Some(id), &new.options)?;
        if new == old {
            return self.unchanged(old).await;
        }

        let around = self.surroundings().await?;
        let now = self.world.now();
        let new = Variant { version: old.version + 1, updated_at: now, ..new };
        let mut after = before.clone();
        for variant in after.variants.iter_mut().filter(|variant| variant.id == id) {
            *variant = new.clone();
        }
        touch(&mut after.product, now);

        let mut plan = Plan::default();
        plan.product(Some(&before), Some(&after), &[], &around)?;
        let what = What { action: "variant.update", entity: id.to_string(), details: fields };
        self.commit(plan, by, what, new).await
    }

    pub async fn delete_variant(
        &self,
        id: VariantId,
        version: u64,
        by: &Actor,
    ) -> Result<Committed<()>, StoreError> {
        let (before, old) = self.variant_at(id, version).await?;
        if before.variants.len() == 1 {
            let why = "a product keeps at least one variant; delete the product instead";
            return Err(StoreError::InUse(why.into()));
        }
        let around = self.surroundings().await?;
        let mut after = before.clone();
        after.product.variants.retain(|variant| *variant != id);
        after.variants.retain(|variant| variant.id != id);
        touch(&mut after.product, self.world.now());

        let mut plan = Plan::default();
        plan.product(Some(&before), Some(&after), &[], &around)?;
        let what = What {
            action: "variant.delete",
            entity: id.to_string(),
            details: json!({ "product": old.product, "sku": old.sku }),
        };
        self.commit(plan, by, what, ()).await
    }

    async fn variant_at(
        &self,
        id: VariantId,
        version: u64,
    ) -> Result<(CatalogProduct, Variant), StoreError> {
        let found = self.variant(id).await?.ok_or(StoreError::NotFound("variant"))?;

        if found.1.version == version {
            Ok(found)
        } else {
            Err(StoreError::VersionMismatch { current: found.1.version })
        }
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
    options: &std::collections::BTreeMap<String, String>,
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

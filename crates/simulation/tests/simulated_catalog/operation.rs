//! The writes of admins, as data: what is retried is the same one.

use domain::draft::{
    CategoryDraft, CategoryPatch, CollectionDraft, CollectionPatch, ProductDraft, ProductPatch,
    VariantDraft, VariantPatch,
};
use domain::{
    CatalogProduct, Category, CategoryId, Collection, CollectionId, ProductId, Sku, Variant,
    VariantId,
};
use store::catalog::{FeaturedList, Ranking};
use store::{Actor, Adjusted, Author, Bulk, ClaimedKey, StoreError, Upsert, WriteContext};

use crate::drafts::usd;
use crate::effect::{Answer, Effect, EffectKind};
use crate::process::Process;
use crate::{checkout, emptied};

/// One write; versions are those that the admin saw.
#[derive(Clone, Debug)]
pub enum Operation {
    CreateProduct(ProductDraft),
    UpdateProduct(ProductId, u64, ProductPatch),
    DeleteProduct(ProductId, u64),
    AddVariant(ProductId, u64, VariantDraft),
    UpdateVariant(VariantId, u64, VariantPatch),
    DeleteVariant(ProductId, VariantId, u64),
    CreateCategory(CategoryDraft),
    UpdateCategory(CategoryId, u64, CategoryPatch),
    DeleteCategory(CategoryId, u64),
    CreateCollection(CollectionDraft),
    UpdateCollection(CollectionId, u64, CollectionPatch),
    DeleteCollection(CollectionId, u64),
    SetFeatured(u64, Vec<ProductId>),
    SetRanking(Option<CategoryId>, u64, Vec<ProductId>),
    Adjust(Sku, Option<u64>, i64),
    Import(Vec<Upsert>),
    /// What a checkout does to a level: from available to held, or back.
    Hold(Sku, i64),
}

/// Makes the write, and its answer of what it left.
macro_rules! answered {
    ($by:expr, |$written:ident: &$value:ty| $effect:expr, |$context:ident| $write:expr) => {{
        let render = |$written: &$value| $effect.response();
        let $context = WriteContext::whole($by.0, $by.1, &render);
        let done = $write.await?;
        Ok(Answer { response: render(&done.value), place: Some(done.stamp()) })
    }};
}

impl Operation {
    /// Whether it is one transaction, which stands in the audit list once.
    pub const fn is_audited_once(&self) -> bool {
        !matches!(self, Self::Import(_) | Self::Hold(..))
    }

    /// Whether it may bring an idempotency key.
    pub const fn takes_key(&self) -> bool {
        !matches!(self, Self::Hold(..))
    }

    pub async fn perform(
        &self,
        process: &Process,
        actor: &Actor,
        claimed: Option<&ClaimedKey>,
    ) -> Result<Answer, StoreError> {
        let catalog = &process.catalog;
        let by = (actor, claimed);

        match self {
            Self::CreateProduct(draft) => {
                answered!(by, |written: &CatalogProduct| Effect::product(0, written), |context| {
                    catalog.create_product(draft, context)
                })
            }
            Self::UpdateProduct(id, seen, patch) => answered!(
                by,
                |written: &CatalogProduct| Effect::product(*seen, written),
                |context| catalog.update_product(*id, *seen, patch, context)
            ),
            Self::DeleteProduct(id, seen) => answered!(
                by,
                |_written: &()| Effect::new(id.to_string(), EffectKind::Gone(seen + 1)),
                |context| catalog.delete_product(*id, *seen, context)
            ),
            Self::AddVariant(product, seen, draft) => {
                answered!(by, |written: &Variant| Effect::variant(0, written), |context| catalog
                    .add_variant(*product, *seen, draft, context))
            }
            Self::UpdateVariant(id, seen, patch) => {
                answered!(by, |written: &Variant| Effect::variant(*seen, written), |context| {
                    catalog.update_variant(*id, *seen, patch, usd(), context)
                })
            }
            Self::DeleteVariant(product, id, seen) => {
                answered!(by, |_written: &()| Effect::variant_gone(*product, *id), |context| {
                    catalog.delete_variant(*id, *seen, context)
                })
            }
            Self::CreateCategory(draft) => {
                answered!(by, |written: &Category| Effect::category(0, written), |context| catalog
                    .create_category(draft, context))
            }
            Self::UpdateCategory(id, seen, patch) => {
                answered!(by, |written: &Category| Effect::category(*seen, written), |context| {
                    catalog.update_category(*id, *seen, patch, context)
                })
            }
            Self::DeleteCategory(id, seen) => {
                let empty_at = emptied::known_empty(catalog, *id).await?;
                answered!(
                    by,
                    |_written: &()| Effect::new(id.to_string(), EffectKind::Gone(seen + 1)),
                    |context| catalog.delete_category(*id, *seen, empty_at, context)
                )
            }
            Self::CreateCollection(draft) => {
                answered!(by, |written: &Collection| Effect::collection(0, written), |context| {
                    catalog.create_collection(draft, context)
                })
            }
            Self::UpdateCollection(id, seen, patch) => answered!(
                by,
                |written: &Collection| Effect::collection(*seen, written),
                |context| catalog.update_collection(*id, *seen, patch, context)
            ),
            Self::DeleteCollection(id, seen) => answered!(
                by,
                |_written: &()| Effect::new(id.to_string(), EffectKind::Gone(seen + 1)),
                |context| catalog.delete_collection(*id, *seen, context)
            ),
            Self::SetFeatured(seen, products) => answered!(
                by,
                |written: &FeaturedList| Effect::featured(*seen, written),
                |context| catalog.set_featured(*seen, products, context)
            ),
            Self::SetRanking(category, seen, products) => {
                answered!(by, |written: &Ranking| Effect::ranking(*seen, written), |context| {
                    catalog.set_ranking_at(*category, *seen, products, context)
                })
            }
            Self::Adjust(sku, seen, delta) => {
                answered!(by, |written: &Adjusted| Effect::adjusted(written), |context| catalog
                    .adjust_stock_at(sku, *seen, *delta, "simulated", context))
            }
            Self::Import(rows) => import(process, actor, claimed, rows).await,
            Self::Hold(sku, pieces) => checkout::hold(process, sku, *pieces).await,
        }
    }
}

/// Many transactions; the answer is recorded after them, when the claim is ended.
async fn import(
    process: &Process,
    actor: &Actor,
    claimed: Option<&ClaimedKey>,
    rows: &[Upsert],
) -> Result<Answer, StoreError> {
    let author = match claimed {
        Some(claimed) => Author::claimed(actor.clone(), claimed.clone()),
        None => Author::from(actor.clone()),
    };
    let mut job = Bulk::new(process.catalog.clone(), author).await?;
    job.apply(rows, |_| Ok(None)).await?;
    job.finish().await?;

    Ok(Answer { response: Effect::new("import", EffectKind::Rows).response(), place: None })
}

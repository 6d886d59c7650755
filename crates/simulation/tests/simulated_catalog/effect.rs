//! What a write says that it did: the body of its answer, by which it is looked for afterwards.

use domain::{CatalogProduct, Category, Collection, Entity, ProductId, Stamp, Variant, VariantId};
use serde::{Deserialize, Serialize};
use store::catalog::{FeaturedList, Ranking};
use store::{Adjusted, Recorded, StoredResponse};

/// The entity as the change log names it, and what the write left of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    pub entity: String,
    pub kind: EffectKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EffectKind {
    /// At this version by now.
    Written(u64),
    Gone(u64),
    /// Something of it was written; the variant is at this version by now.
    Variant(VariantId, u64),
    VariantGone(VariantId),
    /// It was so already.
    Unchanged,
    /// A row of its ledger.
    Adjusted {
        delta: i64,
        version: u64,
    },
    /// Pieces that went from available to held.
    Held(i64),
    /// Rows of a job.
    Rows,
}

/// An answer that was given, and its place in the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub response: StoredResponse,
    pub place: Option<Stamp>,
}

impl Answer {
    pub fn effect(&self) -> Effect {
        serde_json::from_str(&self.response.body).expect("the body is an effect")
    }
}

impl From<Recorded> for Answer {
    fn from(recorded: Recorded) -> Self {
        Self { response: recorded.response, place: recorded.place }
    }
}

impl Effect {
    pub fn new(entity: impl Into<String>, kind: EffectKind) -> Self {
        Self { entity: entity.into(), kind }
    }

    pub fn response(&self) -> StoredResponse {
        let body = serde_json::to_string(self).expect("an effect is JSON");

        StoredResponse { status: 200, headers: Vec::new(), body }
    }

    fn written(entity: String, seen: u64, version: u64) -> Self {
        let kind =
            if seen == version { EffectKind::Unchanged } else { EffectKind::Written(version) };

        Self::new(entity, kind)
    }

    pub fn product(seen: u64, written: &CatalogProduct) -> Self {
        Self::written(written.product.id.to_string(), seen, written.product.version)
    }

    pub fn category(seen: u64, written: &Category) -> Self {
        Self::written(written.id.to_string(), seen, written.version)
    }

    pub fn collection(seen: u64, written: &Collection) -> Self {
        Self::written(written.id.to_string(), seen, written.version)
    }

    pub fn featured(seen: u64, written: &FeaturedList) -> Self {
        Self::written(Entity::Featured.to_string(), seen, written.version)
    }

    pub fn ranking(seen: u64, written: &Ranking) -> Self {
        Self::written(written.entity().to_string(), seen, written.version)
    }

    pub fn variant(seen: u64, written: &Variant) -> Self {
        let kind = if seen == written.version {
            EffectKind::Unchanged
        } else {
            EffectKind::Variant(written.id, written.version)
        };

        Self::new(written.product.to_string(), kind)
    }

    pub fn variant_gone(product: ProductId, id: VariantId) -> Self {
        Self::new(product.to_string(), EffectKind::VariantGone(id))
    }

    pub fn adjusted(adjusted: &Adjusted) -> Self {
        let entry = &adjusted.entry;
        let kind = EffectKind::Adjusted { delta: entry.delta, version: entry.version };

        Self::new(entry.sku.to_string(), kind)
    }
}

//! Adjustments of stock. A level that ends in another availability (in stock, low, out) is a
//! catalogue write as well, since pages show it.

use domain::{CatalogProduct, FieldError, LedgerEntry, Sku, StockLevel};
use serde_json::json;

use crate::audit::AuditRecord;
use crate::catalog::batch::CatalogBatch;
use crate::catalog::repository::{Catalog, Committed};
use crate::inventory::{self, StockChange};
use crate::write::{Attempt, WriteConflict};
use crate::{StoreError, WriteContext};

const REASON_MAX: usize = 200;
/// An attempt is stale only where another write of the level went in, so there is progress while it
/// is retried; so many lost in a row mean a broken item, not a sale.
const ATTEMPTS_MAX: u32 = 32;

/// An adjustment that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjusted {
    /// Checkouts that held pieces meanwhile may be missing in it; what is on hand is exact.
    pub level: StockLevel,
    pub entry: LedgerEntry,
}

impl Catalog {
    /// Takes pieces in (or, below zero, out), for a reason that stays in the ledger. Callers of one
    /// process queue for a SKU instead of overtaking each other.
    pub async fn adjust_stock(
        &self,
        sku: &Sku,
        delta: i64,
        reason: &str,
        by: impl Into<WriteContext<'_, Adjusted>>,
    ) -> Result<Committed<Adjusted>, StoreError> {
        self.adjust_stock_at(sku, None, delta, reason, by).await
    }

    /// The same for a level that is still at the version `seen`, where one is given.
    pub async fn adjust_stock_at(
        &self,
        sku: &Sku,
        seen: Option<u64>,
        delta: i64,
        reason: &str,
        by: impl Into<WriteContext<'_, Adjusted>>,
    ) -> Result<Committed<Adjusted>, StoreError> {
        let by = by.into();
        let reason = reason.trim();
        check(delta, reason)?;
        let _lock = self.inventory.lock(sku).await;

        self.db.retry_up_to(ATTEMPTS_MAX, || self.try_adjust(sku, seen, delta, reason, by)).await
    }

    async fn try_adjust(
        &self,
        sku: &Sku,
        seen: Option<u64>,
        delta: i64,
        reason: &str,
        by: WriteContext<'_, Adjusted>,
    ) -> Attempt<Committed<Adjusted>> {
        let level = self.inventory.find_level(sku).await?.ok_or(StoreError::NotFound("SKU"))?;
        if seen.is_some_and(|seen| seen != level.version) {
            return Err(StoreError::VersionMismatch { current: level.version }.into());
        }
        let after = level.adjusted(delta).map_err(StoreError::from)?;
        let at = self.db.now();
        let change = StockChange { by: by.actor(), reason, at };
        let mut batch = CatalogBatch::default();
        let entry = inventory::adjust_level(&mut batch.writes, &level, &after, change)?;
        if level.availability() != after.availability() {
            self.show_availability(&mut batch, &after).await?;
        }
        let adjusted = Adjusted { level: after, entry };
        let record = AuditRecord {
            action: "stock.adjust",
            entity: sku.to_string(),
            details: json!({ "delta": delta, "reason": reason }),
        };

        self.commit(batch, by, record, adjusted).await
    }

    async fn show_availability(&self, batch: &mut CatalogBatch, level: &StockLevel) -> Attempt<()> {
        let context = self.tag_context().await?;
        // Where it is not there, it was deleted with its level since that was read.
        let product = self.product(level.product).await?.ok_or(WriteConflict::Stale)?;
        let shown = with_level(&product, level);

        batch.product(Some(&product), Some(&shown), &context)?;
        batch.writes.push(context.check());
        Ok(())
    }
}

/// The product as its pages show it at a new level.
pub(crate) fn with_level(product: &CatalogProduct, level: &StockLevel) -> CatalogProduct {
    let mut shown = product.clone();
    for variant in shown.variants.iter_mut().filter(|variant| variant.id == level.variant) {
        variant.availability = level.availability();
        variant.level_version = level.moves();
    }
    shown
}

fn check(delta: i64, reason: &str) -> Result<(), StoreError> {
    let mut wrong = Vec::new();
    if delta == 0 {
        wrong.push(FieldError::new("/delta", "range", "must not be zero"));
    }
    let length = reason.chars().count();
    if !(1..=REASON_MAX).contains(&length) {
        let detail = format!("has 1 to {REASON_MAX} characters");
        wrong.push(FieldError::new("/reason", "length", detail));
    }
    if reason.chars().any(char::is_control) {
        let detail = "holds a control character";
        wrong.push(FieldError::new("/reason", "control_character", detail));
    }
    if wrong.is_empty() { Ok(()) } else { Err(StoreError::Invalid(wrong)) }
}

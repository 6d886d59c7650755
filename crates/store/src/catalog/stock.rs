//! Stock: levels and the ledger. A level that moves to another bucket (in stock, low, out) is a
//! catalogue write as well, since pages show the bucket.

use std::collections::HashMap;

use domain::{CatalogProduct, FieldError, LedgerEntry, Sku, StockLevel};
use ports::{PageToken, Query, SortRange, Table};
use serde_json::json;

use crate::audit::AuditRecord;
use crate::catalog::batch::CatalogBatch;
use crate::catalog::repository::{Catalog, Committed};
use crate::levels::{self, Movement, StoredLevel};
use crate::write::{Attempt, WriteConflict};
use crate::{StoreError, WriteContext, keys};

const REASON_MAX: usize = 200;

/// An adjustment that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjusted {
    pub level: StockLevel,
    pub entry: LedgerEntry,
}

impl Catalog {
    /// `None` for a SKU that no variant has.
    pub async fn stock(&self, sku: &Sku) -> Result<Option<StockLevel>, StoreError> {
        let item = self.db.items.get(&keys::stock(sku)).await?;
        let stored = item.map(StoredLevel::parse).transpose()?;

        Ok(stored.and_then(|(_, level)| level.live()))
    }

    /// The levels of many SKUs, those that are known.
    pub async fn stocks(
        &self,
        skus: impl IntoIterator<Item = &Sku>,
    ) -> Result<HashMap<Sku, StockLevel>, StoreError> {
        let stored = levels::read_all(&*self.db.items, skus).await?;
        let live = stored.into_iter().filter_map(|(sku, level)| Some((sku, level.live()?)));

        Ok(live.collect())
    }

    /// The newest rows of a SKU's ledger first, those below `before`. They outlive the variant.
    pub async fn ledger(
        &self,
        sku: &Sku,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let partition = keys::stock_partition(sku);
        let after = before.map(|version| PageToken {
            pk: partition.clone(),
            sk: keys::ledger(sku, version).sk,
            index: None,
        });
        let query = Query::partition(Table::Inventory, partition)
            .sorted(SortRange::Prefix(keys::LEDGER_PREFIX.into()))
            .descending()
            .limit(limit)
            .after(after);
        let page = self.db.items.query(&query).await?;

        let rows = page.rows.into_iter().map(|row| row.attributes.parse("a ledger row"));
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Takes pieces in (or, below zero, out), for a reason that stays in the ledger. Callers of one
    /// process wait in line for a SKU instead of overtaking each other.
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
        let _lock = self.sku_locks.lock(sku).await;

        self.db.retry(|| self.try_adjust(sku, seen, delta, reason, by)).await
    }

    async fn try_adjust(
        &self,
        sku: &Sku,
        seen: Option<u64>,
        delta: i64,
        reason: &str,
        by: WriteContext<'_, Adjusted>,
    ) -> Attempt<Committed<Adjusted>> {
        let level = self.stock(sku).await?.ok_or(StoreError::NotFound("SKU"))?;
        if seen.is_some_and(|seen| seen != level.version) {
            return Err(StoreError::VersionMismatch { current: level.version }.into());
        }
        let after = level.adjusted(delta).map_err(StoreError::from)?;
        let at = self.db.now();
        let movement = Movement { by: by.actor(), reason, at };
        let mut batch = CatalogBatch::default();
        let entry = levels::push_change(&mut batch.writes, &level, &after, movement)?;
        if level.availability() != after.availability() {
            self.push_bucket(&mut batch, &after).await?;
        }
        let adjusted = Adjusted { level: after, entry };
        let record = AuditRecord {
            action: "stock.adjust",
            entity: sku.to_string(),
            details: json!({ "delta": delta, "reason": reason }),
        };

        self.commit(batch, by, record, adjusted).await
    }

    async fn push_bucket(&self, batch: &mut CatalogBatch, level: &StockLevel) -> Attempt<()> {
        let context = self.tag_context().await?;
        // Deleted since the level was read, level and all.
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
        variant.level_version = level.version;
    }
    shown
}

fn check(delta: i64, reason: &str) -> Result<(), StoreError> {
    let mut wrong = Vec::new();
    if delta == 0 {
        wrong.push(FieldError::new("/delta", "range", "is not zero"));
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

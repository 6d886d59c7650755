//! Stock: levels and the ledger. A level that moves to another bucket (in stock, low, out) is a
//! catalogue write as well, since pages show the bucket.

use std::collections::HashMap;

use domain::{CatalogProduct, FieldError, LedgerEntry, Sku, StockLevel};
use ports::{PageToken, Query, SortRange, Table};
use serde_json::json;

use crate::catalog::lost::{Lost, Try};
use crate::catalog::plan::Plan;
use crate::catalog::{Catalog, Committed, What};
use crate::levels::{self, Movement, StoredLevel};
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
        let item = self.items.get(&keys::stock(sku)).await?;
        let stored = item.map(StoredLevel::parse).transpose()?;

        Ok(stored.and_then(|(_, level)| level.live()))
    }

    /// The levels of many SKUs, those that are known.
    pub async fn stocks(
        &self,
        skus: impl IntoIterator<Item = &Sku>,
    ) -> Result<HashMap<Sku, StockLevel>, StoreError> {
        let stored = levels::read_all(&*self.items, skus).await?;
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
        let page = self.items.query(&query).await?;

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
        let _turn = self.turns.take(sku).await;

        self.retry(|| self.try_adjust(sku, seen, delta, reason, by)).await
    }

    async fn try_adjust(
        &self,
        sku: &Sku,
        seen: Option<u64>,
        delta: i64,
        reason: &str,
        by: WriteContext<'_, Adjusted>,
    ) -> Try<Committed<Adjusted>> {
        let level = self.stock(sku).await?.ok_or(StoreError::NotFound("SKU"))?;
        if seen.is_some_and(|seen| seen != level.version) {
            return Err(StoreError::VersionMismatch { current: level.version }.into());
        }
        let after = level.adjusted(delta).map_err(StoreError::from)?;
        let at = self.world.now();
        let movement = Movement { by: by.actor(), reason, at };
        let mut plan = Plan::default();
        let entry = levels::push_change(&mut plan, &level, &after, movement)?;
        if level.availability() != after.availability() {
            self.push_bucket(&mut plan, &after).await?;
        }
        let adjusted = Adjusted { level: after, entry };
        let what = What {
            action: "stock.adjust",
            entity: sku.to_string(),
            details: json!({ "delta": delta, "reason": reason }),
        };

        if plan.has_changes() {
            self.commit(plan, by, what, adjusted).await
        } else {
            self.commit_without_row(plan, by, what, adjusted).await
        }
    }

    async fn push_bucket(&self, plan: &mut Plan, level: &StockLevel) -> Result<(), Lost> {
        let around = self.surroundings().await?;
        // Deleted since the level was read, level and all.
        let product = self.product(level.product).await?.ok_or(Lost::Moved)?;
        let shown = with_level(&product, level);

        plan.product(Some(&product), Some(&shown), &around)?;
        plan.push(around.check());
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

//! Stock: levels and the ledger. A level that moves to another bucket (in stock, low, out) is a
//! catalogue write as well, since pages show the bucket.

use std::collections::HashMap;

use domain::{CatalogProduct, FieldError, LedgerEntry, Seq, Sku, StockLevel};
use ports::{Attributes, BATCH_MAX, PageToken, Query, SortRange, Table};
use serde_json::json;

use crate::catalog::plan::{Meaning, Plan};
use crate::catalog::{Catalog, Committed, What};
use crate::{Actor, StoreError, keys, stock_rows};

/// A level that keeps moving under eight readers is contended beyond a person's patience.
const TRIES: usize = 8;
const REASON_MAX: usize = 200;

/// An adjustment that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjusted {
    pub level: StockLevel,
    pub entry: LedgerEntry,
}

impl Catalog {
    pub async fn stock(&self, sku: &Sku) -> Result<Option<StockLevel>, StoreError> {
        let item = self.items.get(&keys::stock(sku)).await?;

        Ok(item.map(|item| item.parse("a stock level")).transpose()?)
    }

    /// The levels of many SKUs, those that are known.
    pub async fn stocks(
        &self,
        skus: impl IntoIterator<Item = &Sku>,
    ) -> Result<HashMap<Sku, StockLevel>, StoreError> {
        let keys: Vec<_> = skus.into_iter().map(keys::stock).collect();
        let mut levels = HashMap::new();

        for chunk in keys.chunks(BATCH_MAX) {
            for item in self.items.batch_get(chunk).await?.into_iter().flatten() {
                let level: StockLevel = item.parse("a stock level")?;
                levels.insert(level.sku.clone(), level);
            }
        }
        Ok(levels)
    }

    /// The newest rows of a SKU's ledger first, those below `before`.
    pub async fn ledger(
        &self,
        sku: &Sku,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let after = before.map(|version| PageToken {
            pk: stock_rows::partition(sku),
            sk: keys::ledger(sku, version).sk,
            index: None,
        });
        let query = Query::partition(Table::Inventory, stock_rows::partition(sku))
            .sorted(SortRange::Prefix("ledger#".into()))
            .descending()
            .limit(limit)
            .after(after);
        let page = self.items.query(&query).await?;

        let rows = page.rows.into_iter().map(|row| row.attributes.parse("a ledger row"));
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Takes pieces in (or, below zero, out), for a reason that stays in the ledger.
    pub async fn adjust_stock(
        &self,
        sku: &Sku,
        delta: i64,
        reason: &str,
        by: &Actor,
    ) -> Result<Committed<Adjusted>, StoreError> {
        check(delta, reason)?;

        for _ in 0..TRIES {
            match self.try_adjust(sku, delta, reason, by).await {
                Err(StoreError::Busy) => {}
                answer => return answer,
            }
        }
        Err(StoreError::Busy)
    }

    async fn try_adjust(
        &self,
        sku: &Sku,
        delta: i64,
        reason: &str,
        by: &Actor,
    ) -> Result<Committed<Adjusted>, StoreError> {
        let level = self.stock(sku).await?.ok_or(StoreError::NotFound("SKU"))?;
        let after = level.adjusted(delta)?;
        let now = self.world.now();
        let mut plan = Plan::default();
        push_level(&mut plan, &level, &after)?;
        stock_rows::push(&mut plan, &after, delta, reason, by, now)?;
        if level.availability() != after.availability() {
            let product = self.product(level.product).await?.ok_or(StoreError::Busy)?;
            let around = self.surroundings().await?;
            let shown = with_level(&product, &after);
            plan.product(Some(&product), Some(&shown), &[], &around)?;
        }
        let entry = LedgerEntry {
            sku: sku.clone(),
            version: after.version,
            delta,
            on_hand: after.on_hand,
            reason: reason.to_owned(),
            by: by.name(),
            at: now,
        };
        let adjusted = Adjusted { level: after, entry };
        let what = What {
            action: "stock.adjust",
            entity: sku.to_string(),
            details: json!({ "delta": delta, "reason": reason }),
        };

        if plan.has_changes() {
            return self.commit(plan, by, what, adjusted).await;
        }
        self.commit_quietly(plan, by, what, adjusted).await
    }

    /// What no page shows needs no row in the change log.
    pub(crate) async fn commit_quietly<T>(
        &self,
        plan: Plan,
        by: &Actor,
        what: What<'_>,
        value: T,
    ) -> Result<Committed<T>, StoreError> {
        let (mut actions, meanings, _) = plan.into_parts();
        actions.push(crate::audit::entry(
            &*self.world,
            by,
            what.action,
            what.entity,
            what.details,
        )?);
        let (log, seq): (_, Seq) =
            self.log.without_row(actions).await.map_err(|error| meanings.explain(error))?;

        Ok(Committed { value, log, seq })
    }
}

/// Replaces a level that has not moved since it was read.
pub(crate) fn push_level(
    plan: &mut Plan,
    before: &StockLevel,
    after: &StockLevel,
) -> Result<(), ports::PortError> {
    let item = Attributes::of(after)?;
    let key = keys::stock(&after.sku);
    plan.replace(key, item, before.version, Meaning::StockMoved);
    Ok(())
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
    let length = reason.trim().chars().count();
    if !(1..=REASON_MAX).contains(&length) {
        let detail = format!("has 1 to {REASON_MAX} characters");
        wrong.push(FieldError::new("/reason", "length", detail));
    }
    if wrong.is_empty() { Ok(()) } else { Err(StoreError::Invalid(wrong)) }
}

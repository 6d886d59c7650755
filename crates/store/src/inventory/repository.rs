//! The inventory's repository: levels and the ledger, read.

use std::collections::HashMap;

use domain::{LedgerEntry, Sku, StockLevel};
use ports::{PageToken, Query, SortRange, Table};
use tokio::sync::MutexGuard;

use super::level::{StoredLevel, read_levels};
use super::sku_locks::SkuLocks;
use crate::write::Db;
use crate::{StoreError, keys};

/// Reads are strongly consistent. Cheap to clone; clones share their locks.
#[derive(Clone)]
pub struct Inventory {
    pub(super) db: Db,
    locks: SkuLocks,
}

impl Inventory {
    pub fn new(db: Db) -> Self {
        Self { db, locks: SkuLocks::default() }
    }

    /// `None` for a SKU that no variant has.
    pub async fn find_level(&self, sku: &Sku) -> Result<Option<StockLevel>, StoreError> {
        let item = self.db.items.get(&keys::level(sku)).await?;
        let stored = item.map(StoredLevel::parse).transpose()?;

        Ok(stored.and_then(StoredLevel::live))
    }

    /// The levels of many SKUs, without those that no variant has.
    pub async fn list_levels(
        &self,
        skus: impl IntoIterator<Item = &Sku>,
    ) -> Result<HashMap<Sku, StockLevel>, StoreError> {
        let stored = read_levels(&self.db, skus).await?;
        let live = stored.into_iter().filter_map(|(sku, level)| Some((sku, level.live()?)));

        Ok(live.collect())
    }

    /// The newest rows of a SKU's ledger first, those below `before`. They outlive the variant.
    pub async fn list_ledger(
        &self,
        sku: &Sku,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let partition = keys::level_partition(sku);
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

    /// Waits until no other adjustment of the SKU runs in this process.
    pub(crate) async fn lock(&self, sku: &Sku) -> MutexGuard<'_, ()> {
        self.locks.lock(sku).await
    }
}

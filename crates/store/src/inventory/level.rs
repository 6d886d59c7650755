//! Stock levels as they are stored.

use std::collections::HashMap;

use domain::{Sku, StockLevel};
use ports::{Attributes, BATCH_MAX, PortError};

use crate::keys;
use crate::write::Db;

/// Beside a level's fields: its variant was deleted. The item stays, so that a new variant of the
/// SKU goes on with the ledger where it stands instead of writing over it.
pub(super) const RETIRED: &str = "retired";

/// A level, or what is left of one.
#[derive(Clone, Debug)]
pub(crate) enum StoredLevel {
    Live(StockLevel),
    /// No variant has the SKU, and nothing of it is in stock.
    Retired(StockLevel),
}

impl StoredLevel {
    pub fn parse(item: Attributes) -> Result<Self, PortError> {
        let is_retired = item.0.contains_key(RETIRED);
        let level = item.parse("a stock level")?;

        Ok(if is_retired { Self::Retired(level) } else { Self::Live(level) })
    }

    pub fn live(self) -> Option<StockLevel> {
        match self {
            Self::Live(level) => Some(level),
            Self::Retired(_) => None,
        }
    }

    /// As the SKU's ledger and movements were left, whether a variant has it or not.
    pub const fn level(&self) -> &StockLevel {
        match self {
            Self::Live(level) | Self::Retired(level) => level,
        }
    }
}

/// Those of the levels that are stored.
pub(crate) async fn read_levels<'a>(
    db: &Db,
    skus: impl IntoIterator<Item = &'a Sku>,
) -> Result<HashMap<Sku, StoredLevel>, PortError> {
    let mut keys: Vec<_> = skus.into_iter().map(keys::level).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut levels = HashMap::new();

    for chunk in keys.chunks(BATCH_MAX) {
        for item in db.items.batch_get(chunk).await?.into_iter().flatten() {
            let stored = StoredLevel::parse(item)?;
            levels.insert(stored.level().sku.clone(), stored);
        }
    }
    Ok(levels)
}

//! The ledger's rows, as parts of other writes.

use domain::{LedgerEntry, Sku, StockLevel, Timestamp};
use ports::{Action, Attributes, PortError};

use crate::catalog::plan::{Meaning, Plan};
use crate::{Actor, keys};

/// The first rows of new levels.
pub(crate) fn push_initial(
    plan: &mut Plan,
    levels: &[StockLevel],
    by: &Actor,
    now: Timestamp,
) -> Result<(), PortError> {
    levels.iter().try_for_each(|level| push(plan, level, level.on_hand, "initial", by, now))
}

/// The row that leads to `level`.
pub(crate) fn push(
    plan: &mut Plan,
    level: &StockLevel,
    delta: i64,
    reason: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<(), PortError> {
    let entry = LedgerEntry {
        sku: level.sku.clone(),
        version: level.version,
        delta,
        on_hand: level.on_hand,
        reason: reason.to_owned(),
        by: by.name(),
        at: now,
    };
    plan.push(
        Action::Put {
            key: keys::ledger(&level.sku, level.version),
            attributes: Attributes::of(&entry)?,
            condition: None,
        },
        Meaning::StockMoved,
    );
    Ok(())
}

/// Where the ledger of a SKU stands.
pub(crate) fn partition(sku: &Sku) -> String {
    keys::stock_partition(sku)
}

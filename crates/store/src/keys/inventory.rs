//! Levels, their ledgers, and movements.

use domain::Sku;
use ports::{Key, Table};

pub const LEDGER_PREFIX: &str = "ledger#";

/// Also what makes a SKU unique; stays when its variant goes.
pub fn level(sku: &Sku) -> Key {
    Key::new(Table::Inventory, level_partition(sku), "level")
}

pub fn ledger(sku: &Sku, version: u64) -> Key {
    Key::new(Table::Inventory, level_partition(sku), format!("{LEDGER_PREFIX}{version:020}"))
}

pub fn level_partition(sku: &Sku) -> String {
    format!("sku#{sku}")
}

/// Stands under what caused it, so that what moved for one order is found by the order.
pub fn movement(cause: &str, kind: &str) -> Key {
    Key::new(Table::Inventory, format!("movement#{cause}"), kind)
}

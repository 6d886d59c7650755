//! SqliteItems against the contract of the Items port, with a file for each fact.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use embedded::SqliteItems;
use ports::TableDefinition;
use ports::contract::Fixture;

async fn sqlite(tables: &'static [TableDefinition]) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let items = SqliteItems::open(&folder.path().join("shop.db"), tables).unwrap();

    Fixture::new(Arc::new(items), folder)
}

ports::items_contract!(sqlite);

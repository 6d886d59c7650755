//! Deleting expired items.

#![allow(clippy::unwrap_used, reason = "a test")]

use embedded::SqliteItems;
use ports::contract::TABLES;
use ports::{Attributes, Items, Key, Scan, Table, Transaction, Value};
use tempfile::TempDir;

const NOW: i64 = 1_800_000_000;

fn store() -> (SqliteItems, TempDir) {
    let folder = tempfile::tempdir().unwrap();

    (SqliteItems::open(&folder.path().join("shop.db"), TABLES).unwrap(), folder)
}

async fn put(items: &SqliteItems, table: Table, sk: &str, expires_at: impl Into<Value>) {
    let item = Attributes::default().with("expires_at", expires_at);
    let put = Transaction::new().put(Key::new(table, "p", sk), item);

    items.transact(&put).await.unwrap();
}

async fn remaining(items: &SqliteItems, table: Table) -> Vec<String> {
    let scan = Scan { table, partition_prefix: String::new(), limit: 1_000, after: None };

    items.scan(&scan).await.unwrap().rows.into_iter().map(|row| row.key.sk).collect()
}

#[tokio::test]
async fn only_expired_items_are_deleted() {
    let (items, _folder) = store();
    put(&items, Table::Ephemeral, "long ago", 0).await;
    put(&items, Table::Ephemeral, "just now", NOW - 1).await;
    put(&items, Table::Ephemeral, "not yet", NOW).await;
    put(&items, Table::Ephemeral, "later", NOW + 1).await;
    put(&items, Table::Ephemeral, "text", "1").await;
    put(&items, Table::Ephemeral, "never", Value::Null).await;
    put(&items, Table::Catalog, "a table without a time to live", 0).await;

    let deleted = items.sweep(NOW).await.unwrap();

    assert_eq!(deleted, 2);
    assert_eq!(remaining(&items, Table::Ephemeral).await, ["later", "never", "not yet", "text"]);
    assert_eq!(remaining(&items, Table::Catalog).await.len(), 1);
}

#[tokio::test]
async fn several_batches_are_deleted_and_counted() {
    let (items, _folder) = store();
    for chunk in 0..13 {
        let puts = (0..100).fold(Transaction::new(), |transaction, n| {
            let item = Attributes::default().with("expires_at", NOW - n);
            transaction.put(Key::new(Table::Ephemeral, format!("p{chunk}"), format!("{n}")), item)
        });
        items.transact(&puts).await.unwrap();
    }

    let deleted = items.sweep(NOW).await.unwrap();
    let again = items.sweep(NOW).await.unwrap();

    // All but the thirteen that expire at this very second.
    assert_eq!((deleted, again), (1_287, 0));
    assert_eq!(remaining(&items, Table::Ephemeral).await.len(), 13);
}

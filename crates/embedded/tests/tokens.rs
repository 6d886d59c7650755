//! How long a token is remembered, and for what.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

use embedded::SqliteItems;
use ports::contract::TABLES;
use ports::{Attributes, Condition, Items, Key, Table, TransactError, Transaction, Update};
use rusqlite::Connection;
use tempfile::TempDir;

fn world() -> (SqliteItems, PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");

    (SqliteItems::open(&path, TABLES).unwrap(), path, folder)
}

fn count(n: i64, token: &str) -> Transaction {
    let key = Key::new(Table::Catalog, "counter", "1");
    let any = Condition::Any(vec![Condition::Exists, Condition::NotExists]);

    Transaction::new().update_if(key, vec![Update::Add("n".into(), n)], any).token(token)
}

async fn counted(items: &SqliteItems) -> i64 {
    let key = Key::new(Table::Catalog, "counter", "1");

    items.get(&key).await.unwrap().unwrap().number("n").unwrap()
}

fn let_pass(path: &Path, seconds: i64) {
    let connection = Connection::open(path).unwrap();

    connection.execute("UPDATE tokens SET used_at = used_at - ?1", [seconds]).unwrap();
}

#[tokio::test]
async fn a_token_is_remembered_for_ten_minutes() {
    let (items, path, _folder) = world();
    items.transact(&count(1, "t")).await.unwrap();

    let_pass(&path, 590);
    items.transact(&count(1, "t")).await.unwrap();
    let within = counted(&items).await;
    let_pass(&path, 20);
    items.transact(&count(1, "t")).await.unwrap();

    assert_eq!(within, 1);
    assert_eq!(counted(&items).await, 2);
}

#[tokio::test]
async fn a_token_is_remembered_after_a_restart() {
    let (items, path, _folder) = world();
    items.transact(&count(1, "t")).await.unwrap();
    drop(items);

    let items = SqliteItems::open(&path, TABLES).unwrap();
    items.transact(&count(1, "t")).await.unwrap();
    let other = items.transact(&count(2, "t")).await;

    assert_eq!(counted(&items).await, 1);
    assert!(matches!(other, Err(TransactError::TokenReused)), "{other:?}");
}

#[tokio::test]
async fn a_cancelled_transaction_does_not_use_its_token_up() {
    let (items, _path, _folder) = world();
    let key = Key::new(Table::Catalog, "p", "a");
    let guarded = Transaction::new()
        .put(Key::new(Table::Catalog, "p", "b"), Attributes::default())
        .check(key.clone(), Condition::Exists)
        .token("t");

    let too_early = items.transact(&guarded).await;
    items.transact(&Transaction::new().put(key, Attributes::default())).await.unwrap();
    let in_time = items.transact(&guarded).await;

    assert!(matches!(too_early, Err(TransactError::Cancelled(_))), "{too_early:?}");
    assert!(in_time.is_ok(), "{in_time:?}");
}

#[tokio::test]
async fn old_tokens_are_forgotten() {
    let (items, path, _folder) = world();
    for n in 0..50 {
        items.transact(&count(1, &format!("old {n}"))).await.unwrap();
    }
    let_pass(&path, 700);

    for n in 0..20 {
        items.transact(&count(1, &format!("new {n}"))).await.unwrap();
    }

    let kept: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM tokens", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 20);
}

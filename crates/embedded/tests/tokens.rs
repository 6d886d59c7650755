//! How long a transaction's token is remembered, and for which transaction.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::Timestamp;
use embedded::SqliteItems;
use ports::contract::TABLES;
use ports::{Attributes, Condition, Items, Key, Table, TransactError, Transaction, Update, World};
use rusqlite::Connection;
use tempfile::TempDir;

/// Shows the time that the test sets, in milliseconds.
struct ManualClock(AtomicU64);

impl ManualClock {
    fn advance_seconds(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl World for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn random(&self) -> u128 {
        0
    }
}

struct Store {
    items: SqliteItems,
    clock: Arc<ManualClock>,
    path: PathBuf,
    _folder: TempDir,
}

fn store() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let clock = Arc::new(ManualClock(AtomicU64::new(1_795_442_552_123)));
    let items = SqliteItems::open_with_clock(&path, TABLES, clock.clone()).unwrap();

    Store { items, clock, path, _folder: folder }
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

#[tokio::test]
async fn a_token_is_remembered_for_ten_minutes() {
    let Store { items, clock, .. } = &store();
    items.transact(&count(1, "t")).await.unwrap();

    clock.advance_seconds(599);
    items.transact(&count(1, "t")).await.unwrap();
    let within = counted(items).await;
    clock.advance_seconds(1);
    items.transact(&count(1, "t")).await.unwrap();

    assert_eq!(within, 1);
    assert_eq!(counted(items).await, 2);
}

#[tokio::test]
async fn a_token_is_remembered_after_a_restart() {
    let Store { items, clock, path, _folder } = store();
    items.transact(&count(1, "t")).await.unwrap();
    drop(items);

    let items = SqliteItems::open_with_clock(&path, TABLES, clock).unwrap();
    items.transact(&count(1, "t")).await.unwrap();
    let other = items.transact(&count(2, "t")).await;

    assert_eq!(counted(&items).await, 1);
    assert!(matches!(other, Err(TransactError::TokenReused)), "{other:?}");
}

#[tokio::test]
async fn a_cancelled_transaction_does_not_use_its_token() {
    let Store { items, .. } = &store();
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
async fn expired_tokens_are_deleted() {
    let Store { items, clock, path, .. } = &store();
    for n in 0..50 {
        items.transact(&count(1, &format!("old {n}"))).await.unwrap();
    }
    clock.advance_seconds(700);

    for n in 0..20 {
        items.transact(&count(1, &format!("new {n}"))).await.unwrap();
    }

    let stored: i64 = Connection::open(path)
        .unwrap()
        .query_row("SELECT count(*) FROM tokens", [], |row| row.get(0))
        .unwrap();
    assert_eq!(stored, 20);
}

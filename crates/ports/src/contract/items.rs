//! The facts about an [`Items`] adapter, by topic; each takes one with empty tables.

#![allow(clippy::unwrap_used, reason = "a fact that does not hold is to panic")]

pub mod batches;
pub mod conditions;
pub mod contention;
pub mod indexes;
pub mod queries;
pub mod scans;
pub mod transactions;
pub mod updates;
pub mod values;

use std::time::{Duration, Instant};

use crate::{
    Attributes, Cancellation, Items, Key, PageToken, PortErrorKind, Query, Row, Scan, Table,
    TransactError, Transaction, Value,
};

/// How long an index may lag, and how long one transaction may be retried.
const PATIENCE: Duration = Duration::from_secs(20);

/// More pages than any fact has rows: a walk that gets here runs in a circle.
const PAGES_MAX: usize = 5_000;

fn catalog(pk: &str, sk: &str) -> Key {
    Key::new(Table::Catalog, pk, sk)
}

fn inventory(pk: &str, sk: &str) -> Key {
    Key::new(Table::Inventory, pk, sk)
}

fn attributes(value: Value) -> Attributes {
    match value {
        Value::Object(map) => Attributes(map),
        other => panic!("{other} is no map"),
    }
}

async fn put(items: &dyn Items, key: &Key, value: Value) {
    let transaction = Transaction::new().put(key.clone(), attributes(value));

    items.transact(&transaction).await.unwrap();
}

/// Puts an item under each key, a hundred a transaction.
async fn put_all(items: &dyn Items, rows: impl IntoIterator<Item = (Key, Value)>) {
    let rows: Vec<(Key, Value)> = rows.into_iter().collect();

    for chunk in rows.chunks(100) {
        let transaction = chunk.iter().fold(Transaction::new(), |transaction, (key, value)| {
            transaction.put(key.clone(), attributes(value.clone()))
        });
        items.transact(&transaction).await.unwrap();
    }
}

async fn get(items: &dyn Items, key: &Key) -> Option<Value> {
    items.get(key).await.unwrap().map(|found| Value::Object(found.0))
}

async fn number(items: &dyn Items, key: &Key, name: &str) -> i64 {
    items.get(key).await.unwrap().unwrap().number(name).unwrap()
}

/// Every row of a query, page by page.
async fn walk(items: &dyn Items, query: &Query) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut query = query.clone();

    for _ in 0..PAGES_MAX {
        let page = items.query(&query).await.unwrap();
        assert!(page.rows.len() <= query.limit as usize, "a page is longer than its limit");
        rows.extend(page.rows);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return rows,
        }
    }
    panic!("a walk of {PAGES_MAX} pages has no end");
}

/// Every row of a scan, page by page.
async fn walk_scan(items: &dyn Items, scan: &Scan) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut scan = scan.clone();

    for _ in 0..PAGES_MAX {
        let page = items.scan(&scan).await.unwrap();
        assert!(page.rows.len() <= scan.limit as usize, "a page is longer than its limit");
        rows.extend(page.rows);
        match page.next {
            Some(next) => scan.after = Some(next),
            None => return rows,
        }
    }
    panic!("a walk of {PAGES_MAX} pages has no end");
}

fn scan(table: Table, prefix: &str, limit: u32, after: Option<PageToken>) -> Scan {
    Scan { table, partition_prefix: prefix.to_owned(), limit, after }
}

fn sort_keys(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.key.sk.as_str()).collect()
}

/// Asks an index until it has caught up with what is expected of it.
async fn expect_index(items: &dyn Items, query: &Query, expected: &[&str]) {
    let began = Instant::now();

    loop {
        let rows = walk(items, query).await;
        if sort_keys(&rows) == expected {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{:?} instead of {expected:?}", sort_keys(&rows));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn reasons(result: Result<(), TransactError>) -> Vec<Option<Cancellation>> {
    match result {
        Err(TransactError::Cancelled(reasons)) => reasons,
        other => panic!("not cancelled, but {other:?}"),
    }
}

fn assert_invalid(result: Result<(), TransactError>, what: &str) {
    match result {
        Err(TransactError::Port(error)) if error.kind == PortErrorKind::Invalid => {}
        other => panic!("{what}: not invalid, but {other:?}"),
    }
}

/// A transaction to its end: conflicts with other writers are tried again for a bounded time, as
/// every caller does; what a condition decided is the answer.
async fn settle(items: &dyn Items, transaction: &Transaction) -> Result<(), TransactError> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(1);

    loop {
        let again = match items.transact(transaction).await {
            Err(TransactError::Cancelled(reasons)) if only_conflicts(&reasons) => {
                TransactError::Cancelled(reasons)
            }
            Err(TransactError::Port(error)) if error.is_retryable() => TransactError::Port(error),
            settled => return settled,
        };
        assert!(began.elapsed() < PATIENCE, "still refused after {PATIENCE:?}: {again}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn only_conflicts(reasons: &[Option<Cancellation>]) -> bool {
    reasons.iter().flatten().all(|reason| matches!(reason, Cancellation::Conflict))
}

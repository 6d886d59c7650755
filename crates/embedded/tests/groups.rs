//! Transactions that are committed together: which failures they share.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use embedded::SqliteItems;
use ports::contract::TABLES;
use ports::{Attributes, Items, Key, PortErrorKind, Table, TransactError, Transaction};
use rusqlite::Connection;
use tempfile::TempDir;

fn store() -> (SqliteItems, PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");

    (SqliteItems::open(&path, TABLES).unwrap(), path, folder)
}

fn key(sk: &str) -> Key {
    Key::new(Table::Catalog, "p", sk)
}

fn put(names: &[&str]) -> Transaction {
    names.iter().fold(Transaction::new(), |transaction, sk| {
        transaction.put(key(sk), Attributes::default().with("n", 1))
    })
}

async fn present(items: &SqliteItems, names: &[&str]) -> Vec<bool> {
    let keys: Vec<Key> = names.iter().map(|sk| key(sk)).collect();

    items.batch_get(&keys).await.unwrap().iter().map(Option::is_some).collect()
}

/// Another program that holds the file, so that everything requested meanwhile becomes a group.
struct OtherProgram(Connection);

impl OtherProgram {
    fn begin(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self(connection)
    }

    fn end(&self) {
        self.0.execute_batch("COMMIT").unwrap();
    }
}

/// Makes SQLite itself fail when it inserts this key.
fn fail_at(path: &Path, sk: &str, what: &str) {
    let trigger = format!(
        "CREATE TABLE parents (id INTEGER PRIMARY KEY);
         CREATE TABLE children (
             parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED
         );
         CREATE TRIGGER failing BEFORE INSERT ON catalog WHEN new.sk = '{sk}'
         BEGIN {what}; END"
    );

    Connection::open(path).unwrap().execute_batch(&trigger).unwrap();
}

/// Runs them as one group, and returns their results.
async fn as_a_group(
    items: &SqliteItems,
    path: &Path,
    transactions: [Transaction; 3],
) -> [Result<(), TransactError>; 3] {
    let other_program = OtherProgram::begin(path);
    let opener = put(&["opener"]);
    let mut opener = pin!(items.transact(&opener));
    assert!(opener.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    wait_until_the_writer_has_started(path);
    let [one, two, three] = transactions;

    // The writer is busy with the opener, so these wait and are taken together.
    let (opened, one, two, three, ()) = tokio::join!(
        opener,
        items.transact(&one),
        items.transact(&two),
        items.transact(&three),
        async { other_program.end() }
    );
    opened.unwrap();
    [one, two, three]
}

/// The writer holds the lock file while it writes.
fn wait_until_the_writer_has_started(path: &Path) {
    let lock = File::open(path.with_extension("db-turn")).unwrap();
    let started = Instant::now();

    while lock.try_lock().is_ok() {
        lock.unlock().unwrap();
        assert!(started.elapsed() < Duration::from_secs(10), "the writer does not start");
        thread::yield_now();
    }
}

#[tokio::test]
async fn a_transaction_that_sqlite_refuses_is_rolled_back_alone() {
    let (items, path, _folder) = store();
    fail_at(&path, "bad", "SELECT RAISE(ABORT, 'refused')");

    let transactions = [put(&["a"]), put(&["b", "bad", "c"]), put(&["d"])];
    let [one, two, three] = as_a_group(&items, &path, transactions).await;

    assert!(one.is_ok() && three.is_ok(), "{one:?} {three:?}");
    assert!(two.is_err());
    assert_eq!(
        present(&items, &["a", "b", "bad", "c", "d"]).await,
        [true, false, false, false, true]
    );
}

#[tokio::test]
async fn a_failed_commit_fails_the_whole_group() {
    let (items, path, _folder) = store();
    // A deferred constraint is checked at the commit only.
    fail_at(&path, "bad", "INSERT INTO children VALUES (1)");

    let transactions = [put(&["a"]), put(&["bad"]), put(&["d"])];
    let answers = as_a_group(&items, &path, transactions).await;

    let kinds = answers.map(|answer| match answer {
        Err(TransactError::Port(error)) => error.kind,
        other => panic!("{other:?}"),
    });
    assert_eq!(kinds, [PortErrorKind::Unavailable; 3]);
    assert_eq!(present(&items, &["a", "bad", "d"]).await, [false; 3]);
    // The writer continues.
    items.transact(&put(&["after"])).await.unwrap();
    assert_eq!(present(&items, &["after"]).await, [true]);
}

#[tokio::test]
async fn a_rollback_by_sqlite_in_the_middle_fails_the_whole_group() {
    let (items, path, _folder) = store();
    // As SQLite does when the disk is full.
    fail_at(&path, "bad", "SELECT RAISE(ROLLBACK, 'rolled back')");

    let transactions = [put(&["a"]), put(&["bad"]), put(&["d"])];
    let answers = as_a_group(&items, &path, transactions).await;

    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    assert_eq!(present(&items, &["a", "bad", "d"]).await, [false; 3]);
    items.transact(&put(&["after"])).await.unwrap();
}

#[tokio::test]
async fn reads_run_while_another_program_writes() {
    let (items, path, _folder) = store();
    items.transact(&put(&["a"])).await.unwrap();
    let other_program = OtherProgram::begin(&path);

    let found = present(&items, &["a", "b"]).await;

    other_program.end();
    assert_eq!(found, [true, false]);
}

#[tokio::test]
async fn queued_transactions_are_committed_before_the_items_are_dropped() {
    let (items, path, _folder) = store();
    let other_program = OtherProgram::begin(&path);
    for sk in ["a", "b", "c"] {
        let transaction = put(&[sk]);
        let mut queued = pin!(items.transact(&transaction));
        // The caller gives up as soon as it waits for the result.
        assert!(queued.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    other_program.end();
    drop(items);

    let items = SqliteItems::open(&path, TABLES).unwrap();
    assert_eq!(present(&items, &["a", "b", "c"]).await, [true; 3]);
}

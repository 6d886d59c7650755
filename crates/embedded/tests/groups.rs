//! Transactions that are committed together: whose failure is whose.

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

fn world() -> (SqliteItems, PathBuf, TempDir) {
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

/// Somebody else who writes to the file, so that all that is asked for meanwhile becomes a group.
struct Elsewhere(Connection);

impl Elsewhere {
    fn begin(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self(connection)
    }

    fn end(&self) {
        self.0.execute_batch("COMMIT").unwrap();
    }
}

/// Makes the engine itself fail at one key.
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

/// Asks for all of them while somebody else writes; their answers.
async fn as_a_group(
    items: &SqliteItems,
    path: &Path,
    transactions: [Transaction; 3],
) -> [Result<(), TransactError>; 3] {
    let elsewhere = Elsewhere::begin(path);
    let opener = put(&["opener"]);
    let mut opener = pin!(items.transact(&opener));
    assert!(opener.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    until_the_writer_has_begun(path);
    let [one, two, three] = transactions;

    // The writer is busy with the opener, so these wait together.
    let (opened, one, two, three, ()) = tokio::join!(
        opener,
        items.transact(&one),
        items.transact(&two),
        items.transact(&three),
        async { elsewhere.end() }
    );
    opened.unwrap();
    [one, two, three]
}

/// Whoever writes holds the lock beside the file.
fn until_the_writer_has_begun(path: &Path) {
    let turn = File::open(path.with_extension("db-turn")).unwrap();
    let began = Instant::now();

    while turn.try_lock().is_ok() {
        turn.unlock().unwrap();
        assert!(began.elapsed() < Duration::from_secs(10), "the writer does not begin");
        thread::yield_now();
    }
}

#[tokio::test]
async fn a_transaction_that_the_engine_refuses_is_undone_alone() {
    let (items, path, _folder) = world();
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
async fn a_failed_commit_fails_all_of_the_group() {
    let (items, path, _folder) = world();
    // Noticed at the end of the transaction only.
    fail_at(&path, "bad", "INSERT INTO children VALUES (1)");

    let transactions = [put(&["a"]), put(&["bad"]), put(&["d"])];
    let answers = as_a_group(&items, &path, transactions).await;

    let kinds = answers.map(|answer| match answer {
        Err(TransactError::Port(error)) => error.kind,
        other => panic!("{other:?}"),
    });
    assert_eq!(kinds, [PortErrorKind::Unavailable; 3]);
    assert_eq!(present(&items, &["a", "bad", "d"]).await, [false; 3]);
    // And the writer goes on.
    items.transact(&put(&["after"])).await.unwrap();
    assert_eq!(present(&items, &["after"]).await, [true]);
}

#[tokio::test]
async fn an_engine_that_gives_up_in_the_middle_fails_all_of_the_group() {
    let (items, path, _folder) = world();
    // As it does where the disk is full.
    fail_at(&path, "bad", "SELECT RAISE(ROLLBACK, 'given up')");

    let transactions = [put(&["a"]), put(&["bad"]), put(&["d"])];
    let answers = as_a_group(&items, &path, transactions).await;

    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    assert_eq!(present(&items, &["a", "bad", "d"]).await, [false; 3]);
    items.transact(&put(&["after"])).await.unwrap();
}

#[tokio::test]
async fn reads_go_on_while_somebody_writes() {
    let (items, path, _folder) = world();
    items.transact(&put(&["a"])).await.unwrap();
    let elsewhere = Elsewhere::begin(&path);

    let found = present(&items, &["a", "b"]).await;

    elsewhere.end();
    assert_eq!(found, [true, false]);
}

#[tokio::test]
async fn what_was_asked_for_is_done_before_the_end() {
    let (items, path, _folder) = world();
    let elsewhere = Elsewhere::begin(&path);
    for sk in ["a", "b", "c"] {
        let transaction = put(&[sk]);
        let mut asked = pin!(items.transact(&transaction));
        // Its caller gives up as soon as it waits for the answer.
        assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    elsewhere.end();
    drop(items);

    let items = SqliteItems::open(&path, TABLES).unwrap();
    assert_eq!(present(&items, &["a", "b", "c"]).await, [true; 3]);
}

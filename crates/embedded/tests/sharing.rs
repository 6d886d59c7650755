//! Several processes that share one file.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::env;
use std::path::Path;
use std::process::{Child, Command};

use embedded::SqliteItems;
use ports::contract::TABLES;
use ports::{Attributes, Condition, Items, Key, Table, TransactError, Transaction, Update};

/// Passes the file to the process that this test starts from its own binary.
const FILE: &str = "EMBEDDED_SHARED_FILE";

const INCREMENTS: i64 = 150;

fn counter() -> Key {
    Key::new(Table::Catalog, "counter", "1")
}

/// Reads, increments and writes back; retries if another writer was faster.
async fn increment(items: &SqliteItems) {
    for _ in 0..10_000 {
        let read = items.get(&counter()).await.unwrap().unwrap().number("n").unwrap();
        let set = vec![Update::Set("n".into(), (read + 1).into())];
        let unchanged = Condition::Equals("n".into(), read.into());

        match items.transact(&Transaction::new().update_if(counter(), set, unchanged)).await {
            Ok(()) => return,
            Err(TransactError::Cancelled(_)) => {}
            Err(TransactError::Port(error)) if error.is_retryable() => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("ten thousand attempts lost their race");
}

async fn start_at_zero(items: &SqliteItems) {
    let zero = Attributes::default().with("n", 0);

    items.transact(&Transaction::new().put(counter(), zero)).await.unwrap();
}

async fn count(items: &SqliteItems) -> i64 {
    items.get(&counter()).await.unwrap().unwrap().number("n").unwrap()
}

/// A second process of this test binary, which runs [`the_other_process`] only.
fn other_process(path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "the_other_process", "--nocapture"])
        .env(FILE, path)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn the_other_process() {
    let Some(path) = env::var_os(FILE) else { return };
    let items = SqliteItems::open(Path::new(&path), TABLES).unwrap();

    for _ in 0..INCREMENTS {
        increment(&items).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_write_concurrently_lose_no_increment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let items = SqliteItems::open(&path, TABLES).unwrap();
    start_at_zero(&items).await;

    let mut others = [other_process(&path), other_process(&path)];
    for _ in 0..INCREMENTS {
        increment(&items).await;
    }

    for other in &mut others {
        assert!(other.wait().unwrap().success());
    }
    assert_eq!(count(&items).await, 3 * INCREMENTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_writer_leaves_gaps_for_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let importing = SqliteItems::open(&path, TABLES).unwrap();
    let shop = SqliteItems::open(&path, TABLES).unwrap();
    start_at_zero(&shop).await;

    // The import always has another transaction; the shop has one now and then.
    let import = async {
        for chunk in 0.. {
            let puts = (0..4).map(|part| {
                let puts = (0..100).fold(Transaction::new(), |puts, n| {
                    let item = Attributes::default().with("name", "x".repeat(200));
                    puts.put(
                        Key::new(Table::Inventory, format!("{chunk}/{part}"), format!("{n}")),
                        item,
                    )
                });
                let importing = &importing;
                async move { importing.transact(&puts).await }
            });
            for put in puts {
                put.await.unwrap();
            }
        }
    };
    let shopping = async {
        for _ in 0..20 {
            increment(&shop).await;
        }
    };

    tokio::select! {
        () = import => unreachable!("the import never ends"),
        () = shopping => {}
    }
    assert_eq!(count(&shop).await, 20);
}

#[tokio::test]
async fn a_commit_by_another_process_changes_the_data_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let (here, there) =
        (SqliteItems::open(&path, TABLES).unwrap(), SqliteItems::open(&path, TABLES).unwrap());
    start_at_zero(&here).await;

    let before = here.data_version().await.unwrap();
    let unchanged = here.data_version().await.unwrap();
    increment(&there).await;
    let after = here.data_version().await.unwrap();

    assert_eq!(before, unchanged);
    assert_ne!(before, after);
}

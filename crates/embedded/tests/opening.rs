//! Opening a file: a new one, an existing one, another program's.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::thread;

use embedded::SqliteItems;
use ports::contract::{SHELF, TABLES};
use ports::{
    Attributes, IndexDefinition, Items, Key, PortErrorKind, Query, Table, TableDefinition,
    Transaction,
};
use rusqlite::Connection;

const WITHOUT_INDEX: &[TableDefinition] =
    &[TableDefinition { table: Table::Catalog, indexes: &[], ttl: None }];

const WITH_OTHER_INDEX: &[TableDefinition] = &[TableDefinition {
    table: Table::Catalog,
    indexes: &[IndexDefinition { name: SHELF, partition: "maker", sort: "rank" }],
    ttl: None,
}];

async fn put(items: &SqliteItems, sk: &str, attributes: Attributes) {
    let key = Key::new(Table::Catalog, "p", sk);

    items.transact(&Transaction::new().put(key, attributes)).await.unwrap();
}

async fn indexed(items: &SqliteItems, partition: &str) -> Vec<String> {
    let page = items.query(&Query::partition(Table::Catalog, partition).index(SHELF)).await;

    page.unwrap().rows.into_iter().map(|row| row.key.sk).collect()
}

fn tea(rank: &str) -> Attributes {
    Attributes::default().with("shelf", "tea").with("maker", "ann").with("rank", rank)
}

#[tokio::test]
async fn items_are_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some/new/folder/shop.db");
    let items = SqliteItems::open(&path, TABLES).unwrap();
    put(&items, "a", tea("1")).await;
    drop(items);

    let items = SqliteItems::open(&path, TABLES).unwrap();

    let found = items.get(&Key::new(Table::Catalog, "p", "a")).await.unwrap();
    assert_eq!(found, Some(tea("1")));
    assert_eq!(indexed(&items, "tea").await, ["a"]);
}

#[tokio::test]
async fn dropping_writes_the_log_back_into_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let items = SqliteItems::open(&path, TABLES).unwrap();
    put(&items, "a", tea("1")).await;

    drop(items);

    assert!(!folder.path().join("shop.db-wal").exists(), "a log is left");
    let rows: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM catalog", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn a_new_index_is_filled_from_existing_items() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let before = SqliteItems::open(&path, WITHOUT_INDEX).unwrap();
    put(&before, "b", tea("1")).await;
    put(&before, "a", tea("2")).await;
    put(&before, "c", Attributes::default().with("shelf", "tea")).await;
    drop(before);

    let after = SqliteItems::open(&path, TABLES).unwrap();

    assert_eq!(indexed(&after, "tea").await, ["b", "a"]);
}

#[tokio::test]
async fn an_index_whose_definition_changed_is_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let before = SqliteItems::open(&path, TABLES).unwrap();
    put(&before, "a", tea("1")).await;
    drop(before);

    let after = SqliteItems::open(&path, WITH_OTHER_INDEX).unwrap();

    assert_eq!(indexed(&after, "ann").await, ["a"]);
    assert!(indexed(&after, "tea").await.is_empty());
}

/// An older build's import runs beside a newer shop: it does not know the index, and yet maintains
/// it.
#[tokio::test]
async fn a_writer_that_does_not_know_an_index_maintains_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let newer = SqliteItems::open(&path, TABLES).unwrap();
    let older = SqliteItems::open(&path, WITHOUT_INDEX).unwrap();

    put(&newer, "a", tea("1")).await;
    put(&older, "a", tea("9")).await;
    put(&older, "b", tea("5")).await;

    assert_eq!(indexed(&newer, "tea").await, ["b", "a"]);
}

#[test]
fn several_processes_can_create_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");

    let opened: Vec<bool> = thread::scope(|scope| {
        let openers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| SqliteItems::open(&path, TABLES).is_ok())).collect();
        openers.into_iter().map(|opener| opener.join().unwrap()).collect()
    });

    assert_eq!(opened, [true; 8]);
}

#[test]
fn a_newer_builds_file_is_refused_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();

    let error = refusal(&path);

    assert_eq!(error.kind, PortErrorKind::Corrupt);
    assert!(error.attempted.contains("version 99"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_not_a_database_is_refused_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let text = "sku,name,price\n".repeat(100);
    std::fs::write(&path, &text).unwrap();

    let error = refusal(&path);

    assert_eq!(error.kind, PortErrorKind::Corrupt);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_path_that_can_not_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();

    // A folder is where the file should be.
    assert_eq!(refusal(folder.path()).kind, PortErrorKind::Unavailable);
}

#[test]
fn contradictory_definitions_are_refused() {
    const TWICE: &[TableDefinition] = &[WITHOUT_INDEX[0], WITH_OTHER_INDEX[0]];
    const ODD_NAME: &[TableDefinition] =
        &[TableDefinition { table: Table::Outbox, indexes: &[], ttl: Some("it's") }];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");

    for tables in [TWICE, ODD_NAME] {
        let error = SqliteItems::open(&path, tables).err().unwrap();

        assert_eq!(error.kind, PortErrorKind::Invalid);
    }
}

#[cfg(unix)]
#[test]
fn the_files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");

    let _items = SqliteItems::open(&path, TABLES).unwrap();

    for file in ["shop.db", "shop.db-wal", "shop.db-shm", "shop.db-turn"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[cfg(unix)]
#[test]
fn files_that_other_users_could_read_are_restricted_at_the_next_start() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let first = SqliteItems::open(&path, TABLES).unwrap();
    for file in fs::read_dir(folder.path()).unwrap() {
        fs::set_permissions(file.unwrap().path(), Permissions::from_mode(0o644)).unwrap();
    }

    let _second = SqliteItems::open(&path, TABLES).unwrap();

    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 5, "{files:?}");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file:?}");
    }
    drop(first);
}

fn refusal(path: &Path) -> ports::PortError {
    SqliteItems::open(path, TABLES).err().unwrap()
}

//! A process that is killed while it writes: every acknowledged transaction is there, none in part.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use embedded::SqliteItems;
use ports::contract::{SHELF, TABLES};
use ports::{
    Action, Attributes, Condition, Items, Key, PageToken, Query, Row, Scan, Table, Transaction,
    Update,
};
use rusqlite::Connection;

/// Passes the file to the process that this test starts from its own binary.
const FILE: &str = "EMBEDDED_CRASH_FILE";

/// Concurrent writers, so that groups have several transactions.
const WRITERS: u64 = 8;

/// Items in one transaction, on different pages of the file.
const PARTS: u64 = 5;

const ROUNDS: u64 = 6;

fn transaction(n: u64) -> Transaction {
    let mut transaction = Transaction::new();
    for part in 0..PARTS {
        let item = Attributes::default()
            .with("n", n)
            .with("shelf", "written")
            .with("rank", format!("{n:09}"))
            .with("text", "x".repeat((n % 7 * 300) as usize));
        let key = Key::new(Table::Catalog, format!("part#{part}"), format!("{n:09}"));
        transaction = transaction.put_if(key, item, Condition::NotExists);
    }
    transaction.actions.push(Action::Update {
        key: Key::new(Table::Inventory, "counter", "1"),
        updates: vec![Update::Add("n".into(), 1)],
        condition: None,
    });
    transaction
}

/// Writes until it is killed, and prints what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let Some(path) = env::var_os(FILE) else { return };
    let items = Arc::new(SqliteItems::open(Path::new(&path), TABLES).unwrap());
    let begin = u64::from(std::process::id()) * 1_000_000;

    let writers = (0..WRITERS).map(|writer| {
        let items = items.clone();
        tokio::spawn(async move {
            for n in (begin + writer..).step_by(WRITERS as usize) {
                items.transact(&transaction(n)).await.unwrap();
                let mut out = io::stdout().lock();
                writeln!(out, "acknowledged {n}").unwrap();
                out.flush().unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn after_a_kill_every_acknowledged_transaction_is_there_and_none_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let mut acknowledged = Vec::new();

    for round in 0..ROUNDS {
        acknowledged.extend(write_and_kill(&path, 30 + random(170)));
        let items = SqliteItems::open(&path, TABLES).unwrap();

        let parts = parts_by_transaction(&items).await;
        let missing = acknowledged.iter().filter(|n| !parts.contains_key(n)).count();
        let partial = parts.values().filter(|parts| **parts != PARTS).count();
        let counted = items.get(&Key::new(Table::Inventory, "counter", "1")).await.unwrap();
        let counted = counted.unwrap().number("n").unwrap();

        assert_eq!((missing, partial), (0, 0), "of {} in round {round}", parts.len());
        assert_eq!(counted, parts.len() as i64, "round {round}");
        assert_eq!(in_the_index(&items).await, parts.len() as u64 * PARTS, "round {round}");
        assert_eq!(integrity(&path), "ok", "round {round}");
    }
}

/// The transactions that were acknowledged before the process was killed: at least `many`.
fn write_and_kill(path: &Path, many: u64) -> Vec<u64> {
    let (mut child, mut lines) = start(path);
    let mut acknowledged = Vec::new();

    while (acknowledged.len() as u64) < many {
        acknowledged
            .extend(next_acknowledged(&mut lines).expect("the writer ended before it was killed"));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // It may have printed more before it died than was read so far.
    while let Some(n) = next_acknowledged(&mut lines) {
        acknowledged.extend(n);
    }
    acknowledged
}

fn start(path: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());

    (child, lines)
}

/// The transaction that the next line acknowledges, if it does; `None` at the end. A line that the
/// kill cut off acknowledges nothing.
fn next_acknowledged(lines: &mut BufReader<ChildStdout>) -> Option<Option<u64>> {
    let mut line = String::new();
    if lines.read_line(&mut line).unwrap() == 0 {
        return None;
    }
    let whole = line.strip_suffix('\n').and_then(|line| line.strip_prefix("acknowledged "));

    Some(whole.map(|n| n.parse().unwrap()))
}

async fn parts_by_transaction(items: &SqliteItems) -> BTreeMap<u64, u64> {
    let mut parts = BTreeMap::new();
    let mut after = None;

    loop {
        let (rows, next) = scan(items, after).await;
        for row in rows {
            *parts.entry(row.attributes.number("n").unwrap() as u64).or_default() += 1;
        }
        if next.is_none() {
            return parts;
        }
        after = next;
    }
}

async fn scan(items: &SqliteItems, after: Option<PageToken>) -> (Vec<Row>, Option<PageToken>) {
    let scan = Scan { table: Table::Catalog, partition_prefix: String::new(), limit: 1_000, after };
    let page = items.scan(&scan).await.unwrap();

    (page.rows, page.next)
}

async fn in_the_index(items: &SqliteItems) -> u64 {
    let mut query = Query::partition(Table::Catalog, "written").index(SHELF);
    let mut rows = 0;

    loop {
        let page = items.query(&query).await.unwrap();
        rows += page.rows.len() as u64;
        if page.next.is_none() {
            return rows;
        }
        query.after = page.next;
    }
}

fn integrity(path: &Path) -> String {
    let connection = Connection::open(path).unwrap();

    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

fn random(below: u64) -> u64 {
    RandomState::new().hash_one(()) % below
}

//! A process that is killed while it writes: what it answered is there, and nothing by halves.

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

/// Names the file to the process that this test starts from its own binary.
const FILE: &str = "EMBEDDED_CRASH_FILE";

/// Writers at the same time, so that groups have several transactions.
const WRITERS: u64 = 8;

/// Items of one transaction, in different pages of the file.
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

/// Writes until it is killed, and says what was answered.
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
                writeln!(out, "answered {n}").unwrap();
                out.flush().unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn what_was_answered_before_a_kill_is_wholly_there_and_nothing_by_halves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let mut answered = Vec::new();

    for round in 0..ROUNDS {
        answered.extend(write_and_kill(&path, 30 + random(170)));
        let items = SqliteItems::open(&path, TABLES).unwrap();

        let parts = parts_by_transaction(&items).await;
        let missing = answered.iter().filter(|n| !parts.contains_key(n)).count();
        let halves = parts.values().filter(|parts| **parts != PARTS).count();
        let counted = items.get(&Key::new(Table::Inventory, "counter", "1")).await.unwrap();
        let counted = counted.unwrap().number("n").unwrap();

        assert_eq!((missing, halves), (0, 0), "of {} in round {round}", parts.len());
        assert_eq!(counted, parts.len() as i64, "round {round}");
        assert_eq!(in_the_index(&items).await, parts.len() as u64 * PARTS, "round {round}");
        assert_eq!(integrity(&path), "ok", "round {round}");
    }
}

/// The transactions that were answered before the process was killed, `many` of them or more.
fn write_and_kill(path: &Path, many: u64) -> Vec<u64> {
    let (mut child, mut lines) = start(path);
    let mut answered = Vec::new();

    while (answered.len() as u64) < many {
        answered.extend(next_answer(&mut lines).expect("the writer writes until it is killed"));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // It may have said more before the end than was read by then.
    while let Some(n) = next_answer(&mut lines) {
        answered.extend(n);
    }
    answered
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

/// What the next line answers, if it does; `None` at the end. A line that was cut off by the kill
/// answers nothing.
fn next_answer(lines: &mut BufReader<ChildStdout>) -> Option<Option<u64>> {
    let mut line = String::new();
    if lines.read_line(&mut line).unwrap() == 0 {
        return None;
    }
    let whole = line.strip_suffix('\n').and_then(|line| line.strip_prefix("answered "));

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

//! The engine with tables of its own: nothing in it depends on Items.

use std::path::PathBuf;
use std::sync::mpsc;

use ports::PortErrorKind;
use tempfile::TempDir;

use super::*;
use crate::world::SystemWorld;

struct StoppedClock(Timestamp);

impl World for StoppedClock {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn random(&self) -> u128 {
        0
    }
}

fn create_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS outbox (message TEXT NOT NULL) STRICT;
         CREATE TABLE IF NOT EXISTS queue (message TEXT NOT NULL) STRICT",
    )
}

fn open_with(clock: impl World) -> (Database, PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let database = Database::open(&path, Arc::new(clock), create_tables).unwrap();

    (database, path, folder)
}

fn count(connection: &Connection, table: &str) -> i64 {
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

fn insert(connection: &Connection, table: &str) -> Result<(), PortError> {
    connection
        .execute(&format!("INSERT INTO {table} VALUES ('m')"), [])
        .map(drop)
        .map_err(error::sqlite("insert"))
}

#[tokio::test]
async fn jobs_on_different_tables_share_one_commit() {
    let (database, path, _folder) = open_with(SystemWorld);
    let (release, released) = mpsc::channel::<()>();

    // The first job holds the writer until the others wait, so that they become one group.
    let first = database.write(0, move |_, _| {
        released.recv().unwrap();
        Ok::<_, PortError>(())
    });
    let outbox = database.write(0, |connection, _| insert(connection, "outbox"));
    let queue = database.write(0, |connection, _| insert(connection, "queue"));
    let observed = database.write(0, move |here, _| {
        let elsewhere = Connection::open(&path).unwrap();
        let counts = |connection| (count(connection, "outbox"), count(connection, "queue"));
        Ok::<_, PortError>((counts(here), counts(&elsewhere)))
    });
    let (first, outbox, queue, observed, ()) =
        tokio::join!(first, outbox, queue, observed, async { release.send(()).unwrap() });

    assert!(first.is_ok() && outbox.is_ok() && queue.is_ok());
    let (in_the_group, committed) = observed.unwrap();
    assert_eq!(in_the_group, (1, 1));
    assert_eq!(committed, (0, 0), "a job was committed before its group");
    let both =
        |connection: &Connection| Ok((count(connection, "outbox"), count(connection, "queue")));
    assert_eq!(database.read(both).await.unwrap(), (1, 1));
}

#[tokio::test]
async fn a_job_that_fails_writes_nothing_and_returns_its_own_error() {
    let (database, _path, _folder) = open_with(SystemWorld);

    let failed = database.write(0, |connection, _| {
        insert(connection, "outbox")?;
        insert(connection, "queue")?;
        Err::<(), _>(error::invalid("refused by the job"))
    });
    let error = failed.await.unwrap_err();

    assert_eq!((error.kind, &*error.attempted), (PortErrorKind::Invalid, "refused by the job"));
    let counted = database.read(|connection| Ok(count(connection, "outbox"))).await;
    assert_eq!(counted.unwrap(), 0);
}

#[tokio::test]
async fn a_job_that_panics_has_an_unknown_outcome_and_the_writer_continues() {
    let (database, _path, _folder) = open_with(SystemWorld);

    let panicked = database.write(0, |connection, _| -> Result<(), PortError> {
        insert(connection, "outbox")?;
        panic!("planted")
    });
    let error = panicked.await.unwrap_err();
    database.write(0, |connection, _| insert(connection, "queue")).await.unwrap();

    assert_eq!(error.kind, PortErrorKind::Unavailable);
    let both =
        |connection: &Connection| Ok((count(connection, "outbox"), count(connection, "queue")));
    assert_eq!(database.read(both).await.unwrap(), (0, 1));
}

#[tokio::test]
async fn a_job_has_the_time_of_the_injected_clock() {
    let stopped_at = Timestamp::from_millis(1_795_442_552_123);
    let (database, _path, _folder) = open_with(StoppedClock(stopped_at));

    let now = database.write(0, |_, now| Ok::<_, PortError>(now)).await.unwrap();

    assert_eq!(now, stopped_at);
}

//! Groups of transactions: committed together, rolled back one by one.

use std::cell::Cell;
use std::ffi::OsString;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ports::{PortError, PortErrorKind, TransactError};
use rusqlite::{Connection, params};
use tokio::sync::mpsc;

use super::{Answer, Job, Work};
use crate::items::apply::apply;
use crate::items::failure;
use crate::items::schema::{SWEEP_BATCH, Schema};
use crate::items::turn::Turn;

/// Transactions in one commit: enough to hide the disk, few enough to answer soon.
const GROUP_MAX: usize = 256;

/// After writing without a pause for this long, others who share the file get a gap that is longer
/// than their wait between two looks at the lock.
const TURN_MAX: Duration = Duration::from_millis(100);
const GAP: Duration = Duration::from_millis(2);

/// A log of this size is written back even if that has to wait for readers, but not often.
const LOG_BYTES_MAX: u64 = 64 * 1_024 * 1_024;
const LOG_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Groups {
    connection: Connection,
    turn: Turn,
    schema: Arc<Schema>,
    log: PathBuf,
    log_tried: Cell<Option<Instant>>,
}

impl Groups {
    pub(super) fn new(
        path: &Path,
        connection: Connection,
        turn: Turn,
        schema: Arc<Schema>,
    ) -> Self {
        let mut log: OsString = path.into();
        log.push("-wal");

        Self { connection, turn, schema, log: log.into(), log_tried: Cell::new(None) }
    }

    /// Until nobody can send any more, and everything sent is done.
    pub(super) fn run(&self, jobs: &mut mpsc::UnboundedReceiver<Job>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        let mut busy_since = Instant::now();

        while let Some(first) = next(jobs, &mut busy_since) {
            group.push(first);
            while group.len() < GROUP_MAX
                && let Ok(job) = jobs.try_recv()
            {
                group.push(job);
            }
            self.commit(&mut group);
        }
    }

    /// Answers all of the group, even if this panics: a dropped answer says that it is not known.
    fn commit(&self, group: &mut Vec<Job>) {
        let committed = panic::catch_unwind(AssertUnwindSafe(|| self.transact(group)));

        match committed {
            Ok(Ok(answers)) => {
                for (job, answer) in group.drain(..).zip(answers) {
                    // Nobody may be waiting any more.
                    let _ = job.answer.send(answer);
                }
            }
            Ok(Err(failed)) => {
                tracing::error!(error = %failed.error, jobs = group.len(), "{}", failed.attempted);
                for job in group.drain(..) {
                    let _ = job.answer.send(Err(failed.again()));
                }
            }
            Err(_) => {
                tracing::error!(jobs = group.len(), "writing to the database panicked");
                group.clear();
            }
        }
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a failed group could not be rolled back");
        }
    }

    /// One answer for each job, none of which counts before all are on the disk.
    fn transact(&self, group: &[Job]) -> Result<Vec<Answer>, Failed> {
        let _held = self.turn.take().map_err(|error| Failed::before(&error))?;
        let begun = self.connection.prepare_cached("BEGIN IMMEDIATE");
        begun
            .and_then(|mut begin| begin.execute([]))
            .map_err(|error| Failed::before(&failure::of("begin to write")(error)))?;
        let now = now_seconds();

        let mut answers = Vec::with_capacity(group.len());
        for job in group {
            answers.push(self.run_alone(&job.work, now)?);
        }
        self.statement("COMMIT").map_err(|error| Failed::with("commit", &error))?;
        self.shorten_log();
        Ok(answers)
    }

    /// One job under a savepoint: if it fails, what it has written is undone, and nothing else.
    fn run_alone(&self, work: &Work, now: i64) -> Result<Answer, Failed> {
        let lost = |error: &rusqlite::Error| Failed::with("write a group", error);

        self.statement("SAVEPOINT job").map_err(|error| lost(&error))?;
        let answer = self.perform(work, now);
        if answer.is_err() {
            // Fails where the engine has given up the whole group (a full disk).
            self.statement("ROLLBACK TO job").map_err(|error| lost(&error))?;
        }
        self.statement("RELEASE job").map_err(|error| lost(&error))?;
        Ok(answer)
    }

    fn perform(&self, work: &Work, now: i64) -> Answer {
        match work {
            Work::Transact(prepared) => {
                apply(&self.connection, &self.schema, prepared, now).map(|()| 0)
            }
            Work::Sweep { table, now_seconds } => {
                let Some(sweep) = &self.schema.table(*table)?.sweep else { return Ok(0) };
                let mut sweep =
                    self.connection.prepare_cached(sweep).map_err(failure::of("sweep"))?;
                let deleted = sweep.execute(params![now_seconds, SWEEP_BATCH as i64]);
                Ok(deleted.map_err(failure::of("sweep"))? as u64)
            }
        }
    }

    fn statement(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// Readers that follow on each other without a pause would let the log grow for ever.
    fn shorten_log(&self) {
        let recently = self.log_tried.get().is_some_and(|tried| tried.elapsed() < LOG_PAUSE);
        let bytes = fs::metadata(&self.log).map_or(0, |log| log.len());
        if recently || bytes < LOG_BYTES_MAX {
            return;
        }
        self.log_tried.set(Some(Instant::now()));
        if let Err(error) = self.write_log_back() {
            tracing::warn!(%error, bytes, "the database's log could not be written back");
        }
    }

    fn write_log_back(&self) -> rusqlite::Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    /// Writes the log back into the file.
    pub(super) fn finish(&self) {
        let done = self.turn.take().map(|_held| self.write_log_back());

        match done {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the log stays beside the database"),
            Err(error) => tracing::warn!(%error, "the log stays beside the database"),
        }
    }
}

/// Waits for a job; gives others a gap where there has been no wait for long.
fn next(jobs: &mut mpsc::UnboundedReceiver<Job>, busy_since: &mut Instant) -> Option<Job> {
    let waiting = jobs.try_recv();

    match waiting {
        Ok(job) => {
            if busy_since.elapsed() >= TURN_MAX {
                thread::sleep(GAP);
                *busy_since = Instant::now();
            }
            Some(job)
        }
        Err(_) => {
            let job = jobs.blocking_recv();
            *busy_since = Instant::now();
            job
        }
    }
}

fn now_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();

    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A group of which nothing is known to have happened.
struct Failed {
    attempted: &'static str,
    error: String,
    kind: PortErrorKind,
}

impl Failed {
    /// Before anything was written: the kind says what it was.
    fn before(error: &PortError) -> Self {
        let cause = error.source.as_ref().map(ToString::to_string);

        Self {
            attempted: "begin to write",
            kind: error.kind,
            error: cause.unwrap_or_else(|| error.to_string()),
        }
    }

    /// Whatever the engine calls it, it is not known whether it happened.
    fn with(attempted: &'static str, error: &rusqlite::Error) -> Self {
        Self { attempted, kind: PortErrorKind::Unavailable, error: error.to_string() }
    }

    fn again(&self) -> TransactError {
        PortError::new(self.kind, self.attempted).because(self.error.clone()).into()
    }
}

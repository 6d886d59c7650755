//! Group commit: jobs are committed together and rolled back one by one.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use domain::Timestamp;
use ports::{PortError, PortErrorKind, World};
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::job::Job;
use super::wal::WriteAheadLog;
use crate::sqlite::error;
use crate::sqlite::write_lock::{RETRY_INTERVAL, WriteLock};

/// Jobs in one commit: enough to hide the disk's latency, few enough to answer soon.
const GROUP_MAX: usize = 256;

/// After writing without a pause for this long, other processes get a gap …
const BUSY_MAX: Duration = Duration::from_millis(100);
/// … that is longer than their wait between two attempts at the lock.
const GAP: Duration = RETRY_INTERVAL.saturating_mul(2);

/// What a caller is told was attempted when nothing was written yet.
const BEGIN: &str = "begin to write";

pub(super) struct GroupCommit {
    connection: Connection,
    write_lock: WriteLock,
    log: WriteAheadLog,
    clock: Arc<dyn World>,
}

impl GroupCommit {
    pub(super) fn new(
        database: &Path,
        connection: Connection,
        write_lock: WriteLock,
        clock: Arc<dyn World>,
    ) -> Self {
        Self { connection, write_lock, log: WriteAheadLog::of(database), clock }
    }

    /// Until every sender is gone and everything sent is done.
    pub(super) fn run(&self, jobs: &mut mpsc::UnboundedReceiver<Box<dyn Job>>) {
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

    /// Reports to all of the group, even if a job panics: dropping a job reports that its outcome is
    /// unknown.
    fn commit(&self, group: &mut Vec<Box<dyn Job>>) {
        let committed = panic::catch_unwind(AssertUnwindSafe(|| self.transact(group)));

        match committed {
            Ok(Ok(())) => group.drain(..).for_each(|job| job.report()),
            Ok(Err(failure)) => {
                let (error, attempted) = (&failure.error, failure.attempted);
                tracing::error!(error, attempted, jobs = group.len(), "a group of writes failed");
                group.drain(..).for_each(|job| job.fail(failure.to_port_error()));
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

    /// Runs all jobs; no result counts before the commit is on the disk.
    fn transact(&self, group: &mut [Box<dyn Job>]) -> Result<(), GroupFailure> {
        let _guard = self.write_lock.acquire().map_err(|error| GroupFailure::before(&error))?;
        self.statement("BEGIN IMMEDIATE")
            .map_err(|error| GroupFailure::before(&error::sqlite(BEGIN)(error)))?;
        let now = self.clock.now();

        for job in group {
            self.run_alone(job.as_mut(), now)
                .map_err(|error| GroupFailure::during("write a group", &error))?;
        }
        self.statement("COMMIT").map_err(|error| GroupFailure::during("commit", &error))?;
        self.log.shorten(&self.connection);
        Ok(())
    }

    /// Runs a job under a savepoint: if it fails, what it wrote is undone and nothing else.
    fn run_alone(&self, job: &mut dyn Job, now: Timestamp) -> rusqlite::Result<()> {
        self.statement("SAVEPOINT job")?;
        if !job.run(&self.connection, now) {
            // Fails if the engine has rolled back the whole group (a full disk).
            self.statement("ROLLBACK TO job")?;
        }
        self.statement("RELEASE job")
    }

    fn statement(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// Writes the log back into the file.
    pub(super) fn finish(&self) {
        let written_back =
            self.write_lock.acquire().map(|_guard| WriteAheadLog::write_back(&self.connection));

        match written_back {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the log stays beside the database"),
            Err(error) => tracing::warn!(%error, "the log stays beside the database"),
        }
    }
}

/// Waits for a job; pauses for other processes if this one has been writing for long.
fn next(
    jobs: &mut mpsc::UnboundedReceiver<Box<dyn Job>>,
    busy_since: &mut Instant,
) -> Option<Box<dyn Job>> {
    let waiting = jobs.try_recv();

    match waiting {
        Ok(job) => {
            if busy_since.elapsed() >= BUSY_MAX {
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

/// Why a group failed as a whole.
struct GroupFailure {
    attempted: &'static str,
    error: String,
    kind: PortErrorKind,
}

impl GroupFailure {
    /// Before anything was written: the kind is the error's own.
    fn before(error: &PortError) -> Self {
        let cause = error.source.as_ref().map(ToString::to_string);

        Self {
            attempted: BEGIN,
            kind: error.kind,
            error: cause.unwrap_or_else(|| error.to_string()),
        }
    }

    /// Whatever SQLite calls it, the outcome is unknown.
    fn during(attempted: &'static str, error: &rusqlite::Error) -> Self {
        Self { attempted, kind: PortErrorKind::Unavailable, error: error.to_string() }
    }

    fn to_port_error(&self) -> PortError {
        PortError::new(self.kind, self.attempted).because(self.error.clone())
    }
}

//! The one thread that writes: it takes all jobs that have queued up, runs each under a savepoint
//! of its own, and commits them to disk together.

mod group;
mod job;
mod queue_budget;
mod wal;

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use domain::Timestamp;
use ports::{PortError, World};
use rusqlite::Connection;
use supervision::keep_thread;
use tokio::sync::{mpsc, oneshot};

use self::group::GroupCommit;
use self::job::{Job, Pending};
use self::queue_budget::QueueBudget;
use super::error;
use super::write_lock::WriteLock;

pub(super) struct Writer {
    budget: QueueBudget,
    /// Bounded by the budget. `None` while being dropped.
    jobs: Option<mpsc::UnboundedSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn spawn(
        path: &Path,
        connection: Connection,
        write_lock: WriteLock,
        clock: Arc<dyn World>,
    ) -> Result<Self, PortError> {
        let (sender, mut jobs) = mpsc::unbounded_channel();
        let groups = GroupCommit::new(path, connection, write_lock, clock);

        let thread = thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || {
                keep_thread("sqlite-writer", || groups.run(&mut jobs));
                groups.finish();
            })
            .map_err(|error| error::unavailable("start the writer").because(error))?;
        Ok(Self { budget: QueueBudget::new(), jobs: Some(sender), thread: Some(thread) })
    }

    pub(super) async fn run<T, E>(
        &self,
        size_bytes: usize,
        work: impl FnOnce(&Connection, Timestamp) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<PortError> + Send + 'static,
    {
        let permit = self.budget.acquire(size_bytes).await?;
        let (sender, result) = oneshot::channel();
        let job = Box::new(Pending::new(work, sender, permit));

        let gone = || error::unavailable("write: the writer ended without an answer");
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).map_err(|_| gone())?;
        result.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread ends once it has done what was sent before this.
        self.jobs.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the database's writer panicked");
        }
    }
}

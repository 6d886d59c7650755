//! A queued write and the caller who waits for its result.

use domain::Timestamp;
use ports::PortError;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// What the writer needs to know of a job, whatever its result's type.
///
/// A job that is dropped without a report tells its caller that the outcome is unknown.
pub(super) trait Job: Send {
    /// Runs the job's statements. `false` if what they wrote must be rolled back.
    fn run(&mut self, connection: &Connection, now: Timestamp) -> bool;

    /// Sends the result of `run` to the caller; only after the commit.
    fn report(self: Box<Self>);

    /// Sends the failure of the whole group, whatever `run` returned.
    fn fail(self: Box<Self>, error: PortError);
}

/// A job that has a closure to run, and then its result.
pub(super) struct Pending<T, E, F> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
    /// Its share of the queue's budget.
    _permit: OwnedSemaphorePermit,
}

impl<T, E, F> Pending<T, E, F> {
    pub(super) fn new(
        work: F,
        caller: oneshot::Sender<Result<T, E>>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self { work: Some(work), result: None, caller, _permit: permit }
    }
}

impl<T, E, F> Job for Pending<T, E, F>
where
    T: Send,
    E: From<PortError> + Send,
    F: FnOnce(&Connection, Timestamp) -> Result<T, E> + Send,
{
    fn run(&mut self, connection: &Connection, now: Timestamp) -> bool {
        let work = self.work.take().expect("a job runs once");
        let result = work(connection, now);
        let is_kept = result.is_ok();

        self.result = Some(result);
        is_kept
    }

    fn report(self: Box<Self>) {
        let this = *self;
        if let Some(result) = this.result {
            // The caller may have stopped waiting.
            let _ = this.caller.send(result);
        }
    }

    fn fail(self: Box<Self>, error: PortError) {
        let this = *self;
        let _ = this.caller.send(Err(error.into()));
    }
}

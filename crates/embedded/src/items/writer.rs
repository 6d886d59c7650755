//! The one thread that writes: it takes all transactions that have queued up, runs each under a
//! savepoint of its own, and commits them to disk together.

mod group;

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ports::{PortError, PortErrorKind, Table, TransactError};
use rusqlite::Connection;
use supervision::keep_thread;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time;

use self::group::Groups;
use super::failure;
use super::prepared::Prepared;
use super::schema::Schema;
use super::turn::Turn;

/// What may wait for the writer, in kilobytes: 32 MB.
const ROOM_KILOBYTES: usize = 32 * 1_024;

/// What the least of them counts for, so that at most 1,024 wait.
const LEAST_KILOBYTES: usize = 32;

/// A write that has no room by then is better refused: it has certainly not happened.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) enum Work {
    Transact(Prepared),
    Sweep { table: Table, now_seconds: i64 },
}

/// The number of items that a sweep deleted; nought for a transaction.
type Answer = Result<u64, TransactError>;

struct Job {
    work: Work,
    answer: oneshot::Sender<Answer>,
    _room: OwnedSemaphorePermit,
}

pub(crate) struct Writer {
    room: Arc<Semaphore>,
    /// Bounded by the room. `None` while being dropped.
    jobs: Option<mpsc::UnboundedSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn spawn(
        path: &Path,
        connection: Connection,
        turn: Turn,
        schema: Arc<Schema>,
    ) -> Result<Self, PortError> {
        let (sender, mut jobs) = mpsc::unbounded_channel();
        let groups = Groups::new(path, connection, turn, schema);

        let thread = thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || {
                keep_thread("sqlite-writer", || groups.run(&mut jobs));
                groups.finish();
            })
            .map_err(|error| failure::unavailable("start the writer").because(error))?;
        let room = Arc::new(Semaphore::new(ROOM_KILOBYTES));
        Ok(Self { room, jobs: Some(sender), thread: Some(thread) })
    }

    /// Done when the answer is: a caller that gives up does not undo what it asked for.
    pub(crate) async fn run(&self, work: Work) -> Answer {
        let kilobytes = work.kilobytes();
        let room = time::timeout(PATIENCE, self.room.clone().acquire_many_owned(kilobytes)).await;
        let Ok(Ok(room)) = room else {
            return Err(PortError::new(PortErrorKind::Throttled, "wait for the writer").into());
        };
        let (answer, answered) = oneshot::channel();
        let job = Job { work, answer, _room: room };

        let silent = || failure::unavailable("write: the writer gives no answer");
        let jobs = self.jobs.as_ref().ok_or_else(silent)?;
        jobs.send(job).map_err(|_| silent())?;
        answered.await.map_err(|_| silent())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread ends when it has done what was sent before this.
        self.jobs.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the database panicked");
        }
    }
}

impl Work {
    fn kilobytes(&self) -> u32 {
        let bytes = match self {
            Self::Transact(prepared) => prepared.bytes,
            Self::Sweep { .. } => 0,
        };
        let kilobytes = (bytes / 1_024).clamp(LEAST_KILOBYTES, ROOM_KILOBYTES);

        u32::try_from(kilobytes).expect("the room counts few kilobytes")
    }
}

//! The shutdown of a process: requested once, visible to every part, and over within a bound.

use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use supervision::Supervisor;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::log::flush_logs;

/// Signals within this time are one request; a person takes longer to press Ctrl-C again.
const SAME_REQUEST: Duration = Duration::from_secs(1);
/// From the signal; longer than any program drains (`END_WITHIN` of each).
const ENDED_WITHIN: Duration = Duration::from_secs(30);
/// For file reads and writes that are still running when all else has ended.
const BLOCKED_WITHIN: Duration = Duration::from_secs(2);

/// Whether the process is shutting down. Clones share one state.
#[derive(Clone, Debug)]
pub struct Shutdown {
    begun: Arc<watch::Sender<bool>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { begun: Arc::new(watch::Sender::new(false)) }
    }
}

impl Shutdown {
    /// Begins at the first SIGINT (Ctrl-C) or SIGTERM. A later one ends the process immediately, for a
    /// person who does not want to wait; but not one within a second of the first, since a process
    /// manager that signals a group and its leader sends the same request twice. Begins as well when
    /// a vital task is lost.
    pub(crate) fn on_signals(supervisor: &Supervisor) -> io::Result<Self> {
        Self::on_signals_then(supervisor, end_at_last)
    }

    fn on_signals_then(supervisor: &Supervisor, begun: fn()) -> io::Result<Self> {
        let shutdown = Self::default();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let heard = shutdown.clone();

        tokio::spawn({
            let (shutdown, lost) = (shutdown.clone(), supervisor.lost());
            async move {
                let task = lost.await;
                tracing::error!(task, "shutting down: a vital task was lost");
                shutdown.begin();
            }
        });
        tokio::spawn(supervisor.vital("signals", async move {
            let mut next = async || {
                tokio::select! {
                    _ = interrupt.recv() => "SIGINT",
                    _ = terminate.recv() => "SIGTERM",
                }
            };
            let first = next().await;
            tracing::info!(signal = first, "shutting down");
            begun();
            heard.begin();
            let began = Instant::now();
            let again = loop {
                let again = next().await;
                if began.elapsed() >= SAME_REQUEST {
                    break again;
                }
                tracing::info!(signal = again, "already shutting down");
            };
            tracing::warn!(signal = again, "second signal; exiting immediately");
            flush_logs();
            std::process::exit(1);
        }));
        Ok(shutdown)
    }

    pub fn begin(&self) {
        self.begun.send_replace(true);
    }

    pub fn has_begun(&self) -> bool {
        *self.begun.borrow()
    }

    /// Ready once it has begun.
    pub fn begun(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut begun = self.begun.subscribe();

        async move {
            // Every handle was dropped: no shutdown can be requested any more.
            if begun.wait_for(|begun| *begun).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Ends the process even if something in it blocks for ever: a disk that does not respond, a stuck
/// thread.
fn end_at_last() {
    let ends = std::thread::Builder::new().name("last-resort".to_owned()).spawn(|| {
        std::thread::sleep(ENDED_WITHIN);
        tracing::error!("the process did not end in time; exiting");
        flush_logs();
        std::process::exit(1);
    });

    if let Err(error) = ends {
        tracing::warn!(%error, "no last resort: this process may not end if something blocks");
    }
}

/// The exit code of a server: failure if a task was aborted or a vital one lost.
pub(crate) fn exit_code(drained: bool, supervisor: &Supervisor) -> ExitCode {
    match drained && !supervisor.has_lost() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Ends the runtime and writes the remaining log lines. Threads that still block are abandoned.
pub fn end(runtime: Runtime) {
    runtime.shutdown_timeout(BLOCKED_WITHIN);
    flush_logs();
}

/// Waits for the tasks to end, and aborts those that have not ended in time. Whether all ended.
pub(crate) async fn drain(mut tasks: JoinSet<()>, within: Duration) -> bool {
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(%error, "a task panicked");
            }
        }
    };
    let is_drained = timeout(within, all).await.is_ok();

    if !is_drained {
        tracing::warn!(tasks = tasks.len(), "tasks did not end in time and are aborted");
        tasks.shutdown().await;
    }
    is_drained
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_shutdown_is_seen_by_those_who_wait_before_and_after_it() {
        let shutdown = Shutdown::default();
        let early = shutdown.begun();

        shutdown.clone().begin();
        early.await;
        shutdown.begun().await;

        assert!(shutdown.has_begun());
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_that_end_in_time_are_waited_for() {
        let mut tasks = JoinSet::new();
        tasks.spawn(tokio::time::sleep(Duration::from_secs(1)));

        assert!(drain(tasks, Duration::from_secs(2)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_never_ends_does_not_keep_the_process() {
        let mut tasks = JoinSet::new();
        tasks.spawn(std::future::pending());
        let began = Instant::now();

        assert!(!drain(tasks, Duration::from_secs(2)).await);
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_terminate_signal_begins_the_end() {
        let shutdown = Shutdown::on_signals_then(&Supervisor::default(), || {}).unwrap();
        let this = std::process::id().to_string();

        let sent = std::process::Command::new("kill").args(["-TERM", &this]).status().unwrap();

        assert!(sent.success());
        timeout(Duration::from_secs(10), shutdown.begun()).await.unwrap();
    }
}

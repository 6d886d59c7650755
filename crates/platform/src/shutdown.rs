//! The end of a program: asked for once, heard everywhere, and over within a bound.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use supervision::Supervisor;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// Signals that come together are one request; a person needs longer to change his mind.
const SAME_REQUEST: Duration = Duration::from_secs(1);

/// Whether the program is to end. Clones hear of the same end.
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
    /// Begins at the first SIGINT (Ctrl-C) or SIGTERM. A later one ends the process at once, for a
    /// person who does not want to wait; not one that follows at the first one's heels, since a
    /// supervisor that tells a group and its leader sends the same request twice. Begins as well
    /// when a task is lost without which the process can't go on.
    pub fn on_signals(supervisor: &Supervisor) -> io::Result<Self> {
        let shutdown = Self::default();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let heard = shutdown.clone();

        tokio::spawn({
            let (shutdown, lost) = (shutdown.clone(), supervisor.lost());
            async move {
                let task = lost.await;
                tracing::error!(task, "shutting down without a task that can't be replaced");
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
            heard.begin();
            let began = Instant::now();
            let again = loop {
                let again = next().await;
                if began.elapsed() >= SAME_REQUEST {
                    break again;
                }
                tracing::info!(signal = again, "shutting down already");
            };
            tracing::warn!(signal = again, "ending at once");
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
            // The sender goes when every handle is gone: then nobody can ask for an end any more.
            if begun.wait_for(|begun| *begun).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Waits for tasks to end; those that have not by then are aborted. Whether all did.
pub async fn drain(mut tasks: JoinSet<()>, within: Duration) -> bool {
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
        tracing::warn!(tasks = tasks.len(), "some tasks did not end in time");
        tasks.shutdown().await;
    }
    is_drained
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_hears_of_the_end_before_or_after_it() {
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
    async fn a_task_that_never_ends_does_not_keep_the_program() {
        let mut tasks = JoinSet::new();
        tasks.spawn(std::future::pending());
        let began = tokio::time::Instant::now();

        assert!(!drain(tasks, Duration::from_secs(2)).await);
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_terminate_signal_begins_the_end() {
        let shutdown = Shutdown::on_signals(&Supervisor::default()).unwrap();
        let this = std::process::id().to_string();

        let sent = std::process::Command::new("kill").args(["-TERM", &this]).status().unwrap();

        assert!(sent.success());
        timeout(Duration::from_secs(10), shutdown.begun()).await.unwrap();
    }
}

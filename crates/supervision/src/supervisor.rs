//! Restarts a process's long-lived tasks after a panic, and knows which of them are down.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::backoff::Backoff;
use crate::readiness::Readiness;
use crate::{listener, panic_if_planted, restarts};

/// Supervises a process's long-lived tasks. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Supervisor(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    readiness: Readiness,
    /// How many tasks of each name are waiting for their restart.
    down: Mutex<BTreeMap<&'static str, usize>>,
    lost: watch::Sender<Option<&'static str>>,
}

/// Marks a task as down until dropped.
struct Down<'a> {
    shared: &'a Shared,
    task: &'static str,
}

impl Supervisor {
    /// Runs the future that `start` makes of a clone of `parts` until it returns. After a panic it
    /// is started again, with growing pauses.
    ///
    /// State that the task shares must be consistent at every await point: locks in this workspace
    /// ignore poisoning.
    pub fn keep<P, S, F>(
        &self,
        task: &'static str,
        parts: P,
        mut start: S,
    ) -> impl Future<Output = ()> + use<P, S, F>
    where
        P: Clone,
        S: FnMut(P) -> F,
        F: Future<Output = ()>,
    {
        let shared = Arc::clone(&self.0);

        async move {
            let mut backoff = Backoff::default();
            loop {
                let began = Instant::now();
                let running = async {
                    panic_if_planted(task);
                    Box::pin(start(parts.clone())).await;
                };
                if AssertUnwindSafe(running).catch_unwind().await.is_ok() {
                    return;
                }
                let pause = backoff.after(began.elapsed());
                restarts(task, pause);
                let _down = Down::new(&shared, task);
                sleep(pause).await;
            }
        }
    }

    /// Runs a task that can't be restarted. Its panic ends the process: [`Self::lost`] becomes
    /// ready, and its caller begins the shutdown.
    pub fn vital<F: Future<Output = ()>>(
        &self,
        task: &'static str,
        running: F,
    ) -> impl Future<Output = ()> + use<F> {
        let shared = Arc::clone(&self.0);
        let running = Box::pin(async move {
            panic_if_planted(task);
            running.await;
        });

        async move {
            if AssertUnwindSafe(running).catch_unwind().await.is_err() {
                tracing::error!(task, "vital task panicked; the process can't go on without it");
                shared.lost.send_replace(Some(task));
            }
        }
    }

    /// Ready with the name of a vital task once it has panicked; may be called before or after.
    pub fn lost(&self) -> impl Future<Output = &'static str> + Send + use<> {
        let mut lost = self.0.lost.subscribe();
        let shared = Arc::clone(&self.0);

        async move {
            loop {
                if let Some(task) = *lost.borrow_and_update() {
                    return task;
                }
                // `shared` keeps the sender.
                let _ = lost.changed().await;
                let _ = &shared;
            }
        }
    }

    /// Whether a vital task has panicked.
    pub fn has_lost(&self) -> bool {
        self.0.lost.borrow().is_some()
    }

    /// Adds a readiness check. `reason` is reported while it fails.
    pub fn check<F>(&self, reason: impl Into<String>, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = bool> + Send + 'static,
    {
        self.0.readiness.add(reason.into(), check);
    }

    /// Adds a readiness check that a listener of this process responds at `path`, which must be cheap.
    pub fn listens(&self, listener: &str, addr: SocketAddr, path: &'static str) {
        let reason = format!("{listener} does not answer at {addr}");

        self.check(reason, move || listener::answers(addr, path));
    }

    /// The reasons why this process is not ready; empty while it is.
    pub async fn unfit(&self) -> Vec<String> {
        let down = self.down().into_iter().map(|task| format!("the task {task} does not run"));
        let failed = self.0.readiness.unfit().await;

        down.chain(failed).collect()
    }

    /// The tasks that are not running at this moment.
    pub fn down(&self) -> Vec<&'static str> {
        let waiting = self.0.down().keys().copied().collect::<Vec<_>>();

        waiting.into_iter().chain(*self.0.lost.borrow()).collect()
    }
}

impl Shared {
    fn down(&self) -> MutexGuard<'_, BTreeMap<&'static str, usize>> {
        // Each change of the map is complete in itself.
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Down<'a> {
    fn new(shared: &'a Shared, task: &'static str) -> Self {
        *shared.down().entry(task).or_default() += 1;

        Self { shared, task }
    }
}

impl Drop for Down<'_> {
    fn drop(&mut self) {
        let mut down = self.shared.down();
        if let Some(count) = down.get_mut(self.task) {
            *count -= 1;
            if *count == 0 {
                down.remove(self.task);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::task::yield_now;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_starts_again_after_a_pause() {
        let supervisor = Supervisor::default();
        let starts = Arc::new(AtomicU32::new(0));
        let task = supervisor.keep("planted", Arc::clone(&starts), async |starts| {
            assert!(starts.fetch_add(1, Ordering::Relaxed) >= 2, "planted");
        });
        let began = Instant::now();

        tokio::spawn(task).await.unwrap();

        assert_eq!(starts.load(Ordering::Relaxed), 3);
        assert_eq!(began.elapsed(), Duration::from_millis(300));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_is_down_while_it_waits_and_not_when_it_runs_again() {
        let supervisor = Supervisor::default();
        let starts = Arc::new(AtomicU32::new(0));
        let task = supervisor.keep("planted", starts, async |starts| {
            assert!(starts.fetch_add(1, Ordering::Relaxed) >= 1, "planted");
            std::future::pending().await
        });
        let running = tokio::spawn(task);

        yield_now().await;
        let at_first = supervisor.down();
        sleep(Duration::from_millis(150)).await;

        assert_eq!(at_first, ["planted"]);
        assert_eq!(supervisor.down(), [""; 0]);
        running.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn an_aborted_task_is_not_down() {
        let supervisor = Supervisor::default();
        let running = tokio::spawn(supervisor.keep("planted", (), async |()| panic!("planted")));
        yield_now().await;

        running.abort();
        let _ = running.await;

        assert_eq!(supervisor.down(), [""; 0]);
    }

    #[tokio::test]
    async fn a_vital_task_that_panics_is_told_of_before_and_after() {
        let supervisor = Supervisor::default();
        let early = tokio::spawn(supervisor.lost());

        supervisor.vital("planted", async { panic!("planted") }).await;

        assert_eq!(early.await.unwrap(), "planted");
        assert_eq!(supervisor.lost().await, "planted");
        assert_eq!(supervisor.down(), ["planted"]);
    }
}

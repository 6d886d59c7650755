//! Periodic work beside a process's requests, one row a task: name, period, timeout, wake-up,
//! function. One driver runs them all, so that each is supervised, bounded and counted alike.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::Supervisor;

/// Of a run, unless its task says otherwise. A run is short: what takes longer works in steps.
const TIMEOUT: Duration = Duration::from_secs(60);

const RUNS: &str = "background_task_runs_total";
const SECONDS: &str = "background_task_run_seconds";
const LAST_SUCCESS: &str = "background_task_last_success_timestamp_seconds";

/// Why a run failed; logged, and of no other use.
pub type TaskError = Box<dyn Error + Send + Sync>;

type Run = Arc<dyn Fn() -> BoxFuture<'static, Result<(), TaskError>> + Send + Sync>;

/// One row of the table. The first run begins after one period.
#[derive(Clone)]
pub struct BackgroundTask {
    name: &'static str,
    /// From the end of one run to the beginning of the next.
    period: Duration,
    timeout: Duration,
    wake_up: Option<Arc<Notify>>,
    run: Run,
}

#[derive(Debug)]
enum Outcome {
    Succeeded,
    Failed(TaskError),
    TimedOut,
}

/// Describes the metrics of all background tasks. After the recorder was installed.
pub(crate) fn describe_metrics() {
    describe_counter!(RUNS, "Runs of background tasks, by outcome");
    describe_histogram!(SECONDS, "Duration of the runs of background tasks");
    describe_gauge!(LAST_SUCCESS, "Unix time at which a background task last succeeded");
}

impl BackgroundTask {
    /// `name` is kebab-case; it labels log lines and metrics.
    pub fn new<F, E>(
        name: &'static str,
        period: Duration,
        run: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError>,
    {
        let run: Run = Arc::new(move || run().map(|ended| ended.map_err(Into::into)).boxed());

        Self { name, period, timeout: TIMEOUT, wake_up: None, run }
    }

    /// Gives up a run after `timeout`; it then counts as failed.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Starts the next run as soon as `wake_up` is notified. Notifications during a run make one
    /// more run, however many they are.
    #[must_use]
    pub fn woken_by(mut self, wake_up: Arc<Notify>) -> Self {
        self.wake_up = Some(wake_up);
        self
    }

    pub const fn name(&self) -> &'static str {
        self.name
    }

    async fn next(&self) {
        match &self.wake_up {
            Some(wake_up) => {
                // Elapsed or woken: the task runs either way.
                let _ = timeout(self.period, wake_up.notified()).await;
            }
            None => sleep(self.period).await,
        }
    }

    async fn run_once(&self) -> Outcome {
        match timeout(self.timeout, (self.run)()).await {
            Ok(Ok(())) => Outcome::Succeeded,
            Ok(Err(error)) => Outcome::Failed(error),
            Err(_) => Outcome::TimedOut,
        }
    }

    fn count(&self, outcome: &Outcome, took: Duration) {
        counter!(RUNS, "task" => self.name, "outcome" => outcome.label()).increment(1);
        histogram!(SECONDS, "task" => self.name).record(took);

        if matches!(outcome, Outcome::Succeeded) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            gauge!(LAST_SUCCESS, "task" => self.name).set(now.as_secs_f64());
        }
    }

    /// A warning when it begins to fail and at each doubling, so that a store which is down for
    /// hours makes a dozen lines.
    fn log(&self, outcome: &Outcome, failures: u32) {
        let task = self.name;

        match outcome {
            Outcome::Succeeded if failures > 0 => {
                tracing::info!(task, failures, "background task succeeds again");
            }
            Outcome::Succeeded => {}
            Outcome::Failed(_) | Outcome::TimedOut if !is_worth_a_line(failures) => {}
            Outcome::Failed(error) => {
                tracing::warn!(task, failures, %error, "background task failed");
            }
            Outcome::TimedOut => {
                tracing::warn!(task, failures, timeout = ?self.timeout, "background task timed out");
            }
        }
    }
}

impl Supervisor {
    /// Drives one background task; never returns. A run that panics is started again like any
    /// other supervised task.
    pub fn background(&self, task: BackgroundTask) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.keep(task.name, task, drive))
    }
}

async fn drive(task: BackgroundTask) {
    let mut failures = 0_u32;

    loop {
        task.next().await;
        let began = Instant::now();
        let outcome = task.run_once().await;
        task.count(&outcome, began.elapsed());
        task.log(&outcome, failures);
        failures = match outcome {
            Outcome::Succeeded => 0,
            Outcome::Failed(_) | Outcome::TimedOut => failures.saturating_add(1),
        };
    }
}

/// With so many failures before it.
const fn is_worth_a_line(failures: u32) -> bool {
    failures == 0 || failures.is_power_of_two()
}

impl Outcome {
    const fn label(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
            Self::TimedOut => "timed-out",
        }
    }
}

impl fmt::Debug for BackgroundTask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BackgroundTask")
            .field("name", &self.name)
            .field("period", &self.period)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "background_tests.rs"]
mod tests;

//! A process that serves, whichever parts of the shop it runs: metrics, log, signals, tasks, an
//! operators' page, and an end that drains. Every deployment shape is built on one of these.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use supervision::{BackgroundTask, Supervisor};
use tokio::task::JoinSet;

use crate::log::start_logging;
use crate::operators::OperatorsPage;
use crate::settings::LogSettings;
use crate::shutdown::{Shutdown, drain, exit_code};
use crate::telemetry::{Metrics, TelemetryError, start_metrics};

/// Parts add their tasks; [`Self::run`] waits for the shutdown and for all of them.
pub struct Process {
    pub supervisor: Supervisor,
    pub shutdown: Shutdown,
    pub metrics: Metrics,
    tasks: JoinSet<()>,
}

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error("signals can't be received: {0}")]
    Signals(#[source] io::Error),
    #[error("can't listen on {addr} ({key}): {source}")]
    Listen { addr: SocketAddr, key: &'static str, source: io::Error },
}

impl Process {
    /// Once, in a runtime, and before anything that counts or logs.
    pub fn start(log: &LogSettings) -> Result<Self, ProcessError> {
        let supervisor = Supervisor::default();
        let metrics = start_metrics(&supervisor)?;
        start_logging(log)?;
        let shutdown = Shutdown::on_signals(&supervisor).map_err(ProcessError::Signals)?;

        Ok(Self { supervisor, shutdown, metrics, tasks: JoinSet::new() })
    }

    /// Adds a task that ends by itself after the shutdown has begun.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Adds the rows of a table of background tasks, which run until the shutdown begins.
    pub fn spawn_background(&mut self, table: impl IntoIterator<Item = BackgroundTask>) {
        for task in table {
            let (running, shutdown) = (self.supervisor.background(task), self.shutdown.begun());

            self.tasks.spawn(async move {
                tokio::select! {
                    () = running => {}
                    () = shutdown => {}
                }
            });
        }
    }

    /// Binds the operators' page to the address of the setting `key`, so that a process which can't
    /// show it does not start.
    pub async fn operators_page(
        &self,
        addr: SocketAddr,
        key: &'static str,
    ) -> Result<OperatorsPage, ProcessError> {
        let page = OperatorsPage::bind(addr, self.metrics.clone(), self.supervisor.clone()).await;

        page.map_err(|source| ProcessError::Listen { addr, key, source })
    }

    /// Runs until a signal or the loss of a vital task begins the shutdown, then until every task
    /// has ended, for `drain_within` at most.
    pub async fn run(self, drain_within: Duration) -> ExitCode {
        self.shutdown.begun().await;
        let drained = drain(self.tasks, drain_within).await;

        exit_code(drained, &self.supervisor)
    }
}

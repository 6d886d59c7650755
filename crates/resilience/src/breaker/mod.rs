//! A circuit breaker: after five failures within a minute it refuses calls for a minute, then lets
//! one call probe the dependency. Create one for each (provider, operation).

mod machine;
mod metrics;
mod ring;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

pub use machine::{Forced, State, Verdict};

use self::metrics::Metrics;
use machine::{CALL_TIMEOUT, Machine, Ticket};

/// A handle; clones share one breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    machine: Mutex<Machine>,
    metrics: Metrics,
}

/// The breaker is open: the dependency was not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the breaker is open")]
pub struct Open {
    /// Until the breaker may let a call through.
    pub retry_after: Duration,
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E> {
    #[error(transparent)]
    Open(#[from] Open),
    #[error("no answer within {CALL_TIMEOUT:?}")]
    TimedOut,
    #[error(transparent)]
    Failed(E),
}

/// Permission for one call. Dropping it without a verdict means that the caller gave up, which counts
/// as neutral.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
}

impl Breaker {
    pub fn new(provider: &'static str, operation: &'static str) -> Self {
        let metrics = Metrics::new(provider, operation);

        Self { shared: Arc::new(Shared { machine: Mutex::new(Machine::new()), metrics }) }
    }

    /// Runs a call, for at most 30 s. `verdict_of` decides which errors are failures of the dependency
    /// and which are regular answers.
    pub async fn call<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        verdict_of: impl FnOnce(&Result<T, E>) -> Verdict,
    ) -> Result<T, CallError<E>> {
        let permit = self.admit()?;

        match timeout(CALL_TIMEOUT, call).await {
            Ok(ended) => {
                permit.settle(verdict_of(&ended));
                ended.map_err(CallError::Failed)
            }
            Err(_) => {
                permit.settle(Verdict::Failed);
                Err(CallError::TimedOut)
            }
        }
    }

    /// For calls that [`Breaker::call`] can't wrap.
    pub fn admit(&self) -> Result<Permit, Open> {
        let admitted = self.shared.change(|machine| machine.admit(Instant::now()));

        match admitted {
            Ok(ticket) => Ok(Permit { shared: Arc::clone(&self.shared), ticket: Some(ticket) }),
            Err(refused) => {
                self.shared.metrics.refused();
                Err(Open { retry_after: refused.retry_after })
            }
        }
    }

    pub fn state(&self) -> State {
        self.shared.machine().state()
    }

    /// An operator opens or closes the breaker; `None` returns it to normal operation, closed.
    pub fn force(&self, forced: Option<Forced>) {
        self.shared.change(|machine| machine.force(forced));
    }
}

impl Permit {
    pub fn settle(mut self, verdict: Verdict) {
        self.end(verdict);
    }

    fn end(&mut self, verdict: Verdict) {
        let Some(ticket) = self.ticket.take() else { return };
        let was_probe = self.shared.machine().is_probing();

        self.shared.change(|machine| machine.settle(ticket, verdict, Instant::now()));
        if was_probe {
            self.shared.metrics.probed(verdict);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end(Verdict::Neutral);
    }
}

impl Shared {
    /// Applies a change and reports it if the state is another one afterwards.
    fn change<T>(&self, change: impl FnOnce(&mut Machine) -> T) -> T {
        let mut machine = self.machine();
        let before = machine.state();
        let done = change(&mut machine);
        let after = machine.state();
        drop(machine);

        if before != after {
            self.metrics.changed(before, after);
        }
        done
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

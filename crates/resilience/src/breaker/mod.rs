//! A circuit breaker: five failures within a minute, and for a minute nobody is asked; then one
//! call tries. One for each (provider, operation).

mod machine;
mod measures;
mod ring;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

pub use machine::{Forced, State, Verdict};

use machine::{Machine, SLOW, Ticket};
use measures::Measures;

/// A handle; clones are the same breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    machine: Mutex<Machine>,
    measures: Measures,
}

/// Nobody was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the breaker is open")]
pub struct Open {
    /// When it is worth another try.
    pub retry_after: Duration,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E> {
    #[error(transparent)]
    Open(#[from] Open),
    #[error("no answer within {SLOW:?}")]
    Slow,
    #[error(transparent)]
    Failed(E),
}

/// The right to one call. Dropped without a verdict, the call was given up: that is neutral.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
}

impl Breaker {
    pub fn new(provider: &'static str, operation: &'static str) -> Self {
        let measures = Measures::new(provider, operation);

        Self { shared: Arc::new(Shared { machine: Mutex::new(Machine::new()), measures }) }
    }

    /// Runs a call that must not take longer than 30 s, and judges it by `verdict_of`: which errors
    /// are the dependency's failures, and which are its answers.
    pub async fn call<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        verdict_of: impl FnOnce(&Result<T, E>) -> Verdict,
    ) -> Result<T, CallError<E>> {
        let permit = self.admit()?;

        match timeout(SLOW, call).await {
            Ok(ended) => {
                permit.settle(verdict_of(&ended));
                ended.map_err(CallError::Failed)
            }
            Err(_) => {
                permit.settle(Verdict::Failed);
                Err(CallError::Slow)
            }
        }
    }

    /// For calls that [`Breaker::call`] can't wrap.
    pub fn admit(&self) -> Result<Permit, Open> {
        let admitted = self.shared.moved(|machine| machine.admit(Instant::now()));

        match admitted {
            Ok(ticket) => Ok(Permit { shared: Arc::clone(&self.shared), ticket: Some(ticket) }),
            Err(refused) => {
                self.shared.measures.refused();
                Err(Open { retry_after: refused.retry_after })
            }
        }
    }

    pub fn state(&self) -> State {
        self.shared.machine().state()
    }

    /// For operators; `None` gives the breaker back to itself.
    pub fn force(&self, forced: Option<Forced>) {
        self.shared.moved(|machine| machine.force(forced));
    }
}

impl Permit {
    pub fn settle(mut self, verdict: Verdict) {
        self.end(verdict);
    }

    fn end(&mut self, verdict: Verdict) {
        let Some(ticket) = self.ticket.take() else { return };
        let was_probe = self.shared.machine().is_probing();

        self.shared.moved(|machine| machine.settle(ticket, verdict, Instant::now()));
        if was_probe {
            self.shared.measures.probed(verdict);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end(Verdict::Neutral);
    }
}

impl Shared {
    /// Does something that may change the state, and tells of it if it did.
    fn moved<T>(&self, change: impl FnOnce(&mut Machine) -> T) -> T {
        let mut machine = self.machine();
        let before = machine.state();
        let done = change(&mut machine);
        let after = machine.state();
        drop(machine);

        if before != after {
            self.measures.moved(before, after);
        }
        done
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

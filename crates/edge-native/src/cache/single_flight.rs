//! Single flight: one request to the origin for all concurrent requests for the same key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

/// Fetches under way, by key. `T` is their outcome, shared by all that wait.
pub(crate) struct SingleFlight<T> {
    by_key: Mutex<HashMap<Arc<str>, Arc<InFlight<T>>>>,
}

pub(crate) struct InFlight<T> {
    pub began: Instant,
    outcome: watch::Receiver<Option<T>>,
}

/// The side that fetches. However its task ends, the key is free again and the waiters are woken.
pub(crate) struct Leader<T> {
    single_flight: Arc<SingleFlight<T>>,
    key: Arc<str>,
    flight: Arc<InFlight<T>>,
    outcome: watch::Sender<Option<T>>,
}

impl<T: Clone> SingleFlight<T> {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { by_key: Mutex::default() })
    }

    /// The fetch under way for the key, unless it is the `overdue` one; otherwise a new one, which
    /// the caller has to run as its leader.
    pub fn join(
        self: &Arc<Self>,
        key: &str,
        overdue: Option<&Arc<InFlight<T>>>,
    ) -> (Arc<InFlight<T>>, Option<Leader<T>>) {
        let mut by_key = self.lock();
        if let Some(flight) = by_key.get(key)
            && overdue.is_none_or(|overdue| !Arc::ptr_eq(overdue, flight))
        {
            return (Arc::clone(flight), None);
        }
        let (outcome, waiting) = watch::channel(None);
        let flight = Arc::new(InFlight { began: Instant::now(), outcome: waiting });
        let key: Arc<str> = key.into();
        by_key.insert(Arc::clone(&key), Arc::clone(&flight));

        let leader =
            Leader { single_flight: Arc::clone(self), key, flight: Arc::clone(&flight), outcome };
        (flight, Some(leader))
    }
}

impl<T> SingleFlight<T> {
    fn leave(&self, key: &str, flight: &Arc<InFlight<T>>) {
        let mut by_key = self.lock();

        if by_key.get(key).is_some_and(|current| Arc::ptr_eq(current, flight)) {
            by_key.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<InFlight<T>>>> {
        // Nothing that panics runs under the lock.
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> InFlight<T> {
    /// `None` if the leader was dropped without a result.
    pub async fn outcome(&self) -> Option<T> {
        let mut outcome = self.outcome.clone();

        outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone())
    }
}

impl<T: Clone> Leader<T> {
    /// Frees the key first: a request that comes now finds the entry stored, or fetches anew.
    pub fn complete(self, outcome: T) {
        self.single_flight.leave(&self.key, &self.flight);
        self.outcome.send_replace(Some(outcome));
    }
}

impl<T> Drop for Leader<T> {
    fn drop(&mut self) {
        self.single_flight.leave(&self.key, &self.flight);
    }
}

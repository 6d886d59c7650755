//! One request to the origin for everybody who asks for the same thing at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

/// Requests under way, by key. `T` is what they bring home, shared by all who wait.
pub(crate) struct Flights<T> {
    by_key: Mutex<HashMap<Arc<str>, Arc<Flight<T>>>>,
}

pub(crate) struct Flight<T> {
    pub began: Instant,
    landed: watch::Receiver<Option<T>>,
}

/// The leader's side. However its task ends, the key is free again and the waiters are told.
pub(crate) struct Pilot<T> {
    flights: Arc<Flights<T>>,
    key: Arc<str>,
    flight: Arc<Flight<T>>,
    landed: watch::Sender<Option<T>>,
}

impl<T: Clone> Flights<T> {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { by_key: Mutex::default() })
    }

    /// The flight under way for the key, unless it is the `overdue` one; else a new one, which the
    /// caller must have piloted.
    pub fn board(
        self: &Arc<Self>,
        key: &str,
        overdue: Option<&Arc<Flight<T>>>,
    ) -> (Arc<Flight<T>>, Option<Pilot<T>>) {
        let mut by_key = self.lock();
        if let Some(flight) = by_key.get(key)
            && overdue.is_none_or(|overdue| !Arc::ptr_eq(overdue, flight))
        {
            return (Arc::clone(flight), None);
        }
        let (landed, waiting) = watch::channel(None);
        let flight = Arc::new(Flight { began: Instant::now(), landed: waiting });
        let key: Arc<str> = key.into();
        by_key.insert(Arc::clone(&key), Arc::clone(&flight));

        let pilot = Pilot { flights: Arc::clone(self), key, flight: Arc::clone(&flight), landed };
        (flight, Some(pilot))
    }
}

impl<T> Flights<T> {
    fn leave(&self, key: &str, flight: &Arc<Flight<T>>) {
        let mut by_key = self.lock();

        if by_key.get(key).is_some_and(|current| Arc::ptr_eq(current, flight)) {
            by_key.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Flight<T>>>> {
        // Nothing that panics runs under the lock.
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Flight<T> {
    /// `None` when the pilot went without a word.
    pub async fn landing(&self) -> Option<T> {
        let mut landed = self.landed.clone();

        landed.wait_for(Option::is_some).await.ok().and_then(|landed| landed.clone())
    }
}

impl<T: Clone> Pilot<T> {
    /// Frees the key first: who comes now finds the entry kept, or must ask anew.
    pub fn land(self, brought: T) {
        self.flights.leave(&self.key, &self.flight);
        self.landed.send_replace(Some(brought));
    }
}

impl<T> Drop for Pilot<T> {
    fn drop(&mut self) {
        self.flights.leave(&self.key, &self.flight);
    }
}

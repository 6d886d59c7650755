//! One fill for all concurrent readers of a key.

use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::entry::{Entry, Origin};

/// Why there is no value. Never cached; every reader that waited for the fill gets it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError<E: Debug + Display> {
    #[error("{0}")]
    Fill(Arc<E>),
    #[error("the fill panicked")]
    Panicked,
    #[error("the fill took too long")]
    TimedOut,
    #[error("the change log has been unavailable for too long, and the source is as old")]
    TooOld,
}

/// What a fill returned.
#[derive(Debug)]
pub(crate) struct Loaded<V> {
    pub(crate) entry: Arc<Entry<V>>,
    pub(crate) origin: Origin,
    /// Taken before the value was read or judged: a caller with an earlier ticket came before that.
    pub(crate) ticket: u64,
    pub(crate) is_stored: bool,
}

pub(crate) type LoadResult<V, E> = Result<Loaded<V>, LoadError<E>>;

type ByKey<V, E> = HashMap<Arc<str>, Arc<Flight<V, E>>>;

/// A flight to wait for, and its leader if it is new.
type Joined<V, E> = (Arc<Flight<V, E>>, Option<Leader<V, E>>);

pub(crate) struct Flight<V, E: Debug + Display> {
    pub(crate) began: Instant,
    result: watch::Receiver<Option<LoadResult<V, E>>>,
}

/// The fills that are under way.
pub(crate) struct SingleFlight<V, E: Debug + Display> {
    by_key: Mutex<ByKey<V, E>>,
}

/// Completes a flight. When it is dropped, the key is free again and the waiters are woken.
pub(crate) struct Leader<V, E: Debug + Display> {
    group: Arc<SingleFlight<V, E>>,
    key: Arc<str>,
    flight: Arc<Flight<V, E>>,
    result: watch::Sender<Option<LoadResult<V, E>>>,
}

impl<V, E: Debug + Display> SingleFlight<V, E> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { by_key: Mutex::default() })
    }

    /// The flight under way for the key, unless it is the `overdue` one; else a new one, whose leader
    /// the caller must complete.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: &str,
        overdue: Option<&Arc<Flight<V, E>>>,
    ) -> Joined<V, E> {
        let mut by_key = self.lock();
        if let Some(flight) = by_key.get(key)
            && overdue.is_none_or(|overdue| !Arc::ptr_eq(overdue, flight))
        {
            return (Arc::clone(flight), None);
        }
        let (result, waiting) = watch::channel(None);
        let flight = Arc::new(Flight { began: Instant::now(), result: waiting });
        let key: Arc<str> = key.into();
        by_key.insert(Arc::clone(&key), Arc::clone(&flight));

        let leader = Leader { group: Arc::clone(self), key, flight: Arc::clone(&flight), result };
        (flight, Some(leader))
    }

    fn leave(&self, key: &str, flight: &Arc<Flight<V, E>>) {
        let mut by_key = self.lock();

        if by_key.get(key).is_some_and(|current| Arc::ptr_eq(current, flight)) {
            by_key.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, ByKey<V, E>> {
        // Nothing that panics runs under the lock.
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V, E: Debug + Display> Flight<V, E> {
    pub(crate) async fn result(&self) -> LoadResult<V, E> {
        let mut result = self.result.clone();

        match result.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or(Err(LoadError::Panicked)),
            // The leader was dropped without a result: its runtime is shutting down.
            Err(_) => Err(LoadError::Panicked),
        }
    }
}

impl<V, E: Debug + Display> Leader<V, E> {
    pub(crate) fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// Frees the key first: a reader that comes now finds the entry stored, or starts a new flight.
    pub(crate) fn complete(self, result: LoadResult<V, E>) {
        self.group.leave(&self.key, &self.flight);
        self.result.send_replace(Some(result));
    }
}

impl<V, E: Debug + Display> Drop for Leader<V, E> {
    fn drop(&mut self) {
        self.group.leave(&self.key, &self.flight);
    }
}

impl<V> Clone for Loaded<V> {
    fn clone(&self) -> Self {
        Self { entry: Arc::clone(&self.entry), ..*self }
    }
}

impl<E: Debug + Display> Clone for LoadError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Fill(error) => Self::Fill(Arc::clone(error)),
            Self::Panicked => Self::Panicked,
            Self::TimedOut => Self::TimedOut,
            Self::TooOld => Self::TooOld,
        }
    }
}

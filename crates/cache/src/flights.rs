//! One fill for everybody who asks for the same thing at once.

use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::entry::{Entry, Origin};

/// Why there is no answer. Never cached; shared by all who waited for the same fill.
#[derive(Debug, thiserror::Error)]
pub enum LoadError<E: Debug + Display> {
    #[error("{0}")]
    Fill(Arc<E>),
    #[error("the fill panicked")]
    Panicked,
    #[error("the fill took too long")]
    TimedOut,
    #[error("the change log is lost for too long, and the source with it")]
    TooOld,
}

/// What a flight brought home.
#[derive(Debug)]
pub(crate) struct Landing<V> {
    pub(crate) entry: Arc<Entry<V>>,
    pub(crate) origin: Origin,
    /// Taken before the value was read or judged: a caller with an earlier ticket came before that.
    pub(crate) ticket: u64,
    pub(crate) is_stored: bool,
}

pub(crate) type Landed<V, E> = Result<Landing<V>, LoadError<E>>;

type ByKey<V, E> = HashMap<Arc<str>, Arc<Flight<V, E>>>;

/// A flight to wait for, and its pilot if it is a new one.
type Boarded<V, E> = (Arc<Flight<V, E>>, Option<Pilot<V, E>>);

pub(crate) struct Flight<V, E: Debug + Display> {
    pub(crate) began: Instant,
    landed: watch::Receiver<Option<Landed<V, E>>>,
}

/// The fills that are under way.
pub(crate) struct Flights<V, E: Debug + Display> {
    by_key: Mutex<ByKey<V, E>>,
}

/// The leader's side; however its task ends, the key is free again and the waiters are told.
pub(crate) struct Pilot<V, E: Debug + Display> {
    flights: Arc<Flights<V, E>>,
    key: Arc<str>,
    flight: Arc<Flight<V, E>>,
    landed: watch::Sender<Option<Landed<V, E>>>,
}

impl<V, E: Debug + Display> Flights<V, E> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { by_key: Mutex::default() })
    }

    /// The flight under way for the key, unless it is the `overdue` one; else a new one, and the
    /// caller must have somebody pilot it.
    pub(crate) fn board(
        self: &Arc<Self>,
        key: &str,
        overdue: Option<&Arc<Flight<V, E>>>,
    ) -> Boarded<V, E> {
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
    pub(crate) async fn landing(&self) -> Landed<V, E> {
        let mut landed = self.landed.clone();

        match landed.wait_for(Option::is_some).await {
            Ok(landed) => landed.clone().unwrap_or(Err(LoadError::Panicked)),
            // The pilot went without a word: its runtime is shutting down.
            Err(_) => Err(LoadError::Panicked),
        }
    }
}

impl<V, E: Debug + Display> Pilot<V, E> {
    pub(crate) fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// Frees the key first: who comes now finds the entry stored, or must ask anew.
    pub(crate) fn land(self, landed: Landed<V, E>) {
        self.flights.leave(&self.key, &self.flight);
        self.landed.send_replace(Some(landed));
    }
}

impl<V, E: Debug + Display> Drop for Pilot<V, E> {
    fn drop(&mut self) {
        self.flights.leave(&self.key, &self.flight);
    }
}

impl<V> Clone for Landing<V> {
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

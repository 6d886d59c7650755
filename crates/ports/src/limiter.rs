//! Counting requests, and refusing those that are too many.

use std::slice;
use std::time::Duration;

use async_trait::async_trait;
use domain::limits::{Limit, LimitClass, Subject};

use crate::PortError;

/// Exact: of one subject's requests of one class, never more than the limit are allowed within a
/// window, and as many as the limit are, however many ask at once and from wherever.
///
/// - A refused request is not counted.
/// - Subjects and classes are counted apart. A subject is counted against the limit that comes
///   with the request: a lower one counts what was taken under a higher one.
/// - A request that several limits are for is counted in all of them or, refused by one, in none.
/// - Every call ends within the adapter's own deadline.
#[async_trait]
pub trait Limiter: Send + Sync + 'static {
    fn window(&self) -> Window;

    /// [`Limiter::take`] without waiting; `None`, with nothing counted, if the adapter has to wait.
    /// Callers on a fast path try this first.
    fn try_take(&self, _: &Ask) -> Option<Decision> {
        None
    }

    /// Takes one request out of the limit, or refuses it.
    async fn take(&self, ask: &Ask) -> Result<Decision, PortError> {
        self.take_all(slice::from_ref(ask)).await.map(|joint| joint.of_one())
    }

    /// [`Limiter::take_all`] without waiting; `None`, with nothing counted, if the adapter has to wait.
    fn try_take_all(&self, _: &[Ask]) -> Option<JointDecision> {
        None
    }

    /// Takes one request out of all the limits in one step, or out of none of them. The asks are of
    /// one class and of different subjects, the narrowest first: an adapter may count them in this
    /// order and give back what it took when a later one refuses.
    async fn take_all(&self, asks: &[Ask]) -> Result<JointDecision, PortError>;
}

/// One request, and what it is counted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ask {
    pub class: LimitClass,
    pub subject: Subject,
    pub limit: Limit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub is_allowed: bool,
    /// Requests that would be allowed now.
    pub remaining: u32,
    /// Until more would be allowed. After a refusal: until this request would be.
    pub reset_after: Duration,
}

/// The decision about a request that was counted against several limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JointDecision {
    /// Counted in all: the decisions in the order of the asks.
    Allowed(Vec<Decision>),
    /// Counted in none. `by` is the place of an ask that refused it.
    Refused { by: usize, decision: Decision },
}

/// What a limit's window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The time before each request: a request counts for exactly one window's length.
    Sliding,
    /// Fixed stretches of the clock: all that counted is forgotten at each one's end. Around an end
    /// twice the limit may pass within one window's length.
    Fixed,
}

impl JointDecision {
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// The decision about a request with one ask.
    fn of_one(self) -> Decision {
        match self {
            Self::Allowed(decisions) => *decisions.first().expect("one ask, one decision"),
            Self::Refused { decision, .. } => decision,
        }
    }
}

impl Decision {
    pub const fn allowed(remaining: u32, reset_after: Duration) -> Self {
        Self { is_allowed: true, remaining, reset_after }
    }

    pub const fn refused(retry_after: Duration) -> Self {
        Self { is_allowed: false, remaining: 0, reset_after: retry_after }
    }
}

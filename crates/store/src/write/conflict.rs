//! Why a write did not commit: the one error between the engine's and the repositories'.

use domain::{InvalidStock, Sku, Slug};
use ports::{Attributes, PortError};

use crate::StoreError;

pub type Attempt<T> = Result<T, WriteConflict>;

/// Why one attempt at a write did not commit.
#[derive(Debug)]
pub enum WriteConflict {
    /// What it was planned from has changed since: planned again it commits, or finds what is wrong
    /// by now.
    Stale,
    /// Conditions failed that have a meaning of their own, in the order of the batch; never empty.
    Failed(Vec<FailedCondition>),
    Store(StoreError),
}

/// An action whose condition did not hold, and the item as the transaction found it.
#[derive(Debug)]
pub struct FailedCondition {
    pub cause: ConflictCause,
    pub item: Option<Attributes>,
}

/// What it means that an action's condition does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConflictCause {
    /// Another writer was faster; reading again tells what to do.
    Stale,
    /// The caller decides by the item that it finds.
    Unexpected,
    SlugTaken(Slug),
    /// The idempotency key under which this is written belongs to another process by now.
    ClaimLost,
    /// Fewer pieces of the SKU are available than are wanted.
    OutOfStock {
        sku: Sku,
        wanted: i64,
    },
    /// Stock was moved for the same cause before.
    AlreadyMoved,
}

impl WriteConflict {
    /// A slug that the store chose is chosen anew when another writer has claimed it meanwhile.
    #[must_use]
    pub(crate) fn choosing_another_slug(self) -> Self {
        match self.cause() {
            Some(ConflictCause::SlugTaken(_)) => Self::Stale,
            _ => self,
        }
    }

    /// Whether another writer was faster, so that reading again tells what to do.
    pub(crate) fn is_race(&self) -> bool {
        matches!(self, Self::Stale) || matches!(self.cause(), Some(ConflictCause::SlugTaken(_)))
    }

    /// Of the first condition that failed.
    fn cause(&self) -> Option<&ConflictCause> {
        match self {
            Self::Failed(failed) => failed.first().map(|failed| &failed.cause),
            Self::Stale | Self::Store(_) => None,
        }
    }
}

impl From<StoreError> for WriteConflict {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<PortError> for WriteConflict {
    fn from(error: PortError) -> Self {
        Self::Store(error.into())
    }
}

impl From<WriteConflict> for StoreError {
    fn from(conflict: WriteConflict) -> Self {
        match conflict {
            WriteConflict::Stale => Self::Busy,
            WriteConflict::Failed(failed) => {
                failed.into_iter().next().map_or(Self::Busy, FailedCondition::into_error)
            }
            WriteConflict::Store(error) => error,
        }
    }
}

impl FailedCondition {
    fn into_error(self) -> StoreError {
        match self.cause {
            ConflictCause::Stale | ConflictCause::Unexpected | ConflictCause::AlreadyMoved => {
                StoreError::Busy
            }
            ConflictCause::SlugTaken(slug) => StoreError::SlugTaken(slug),
            ConflictCause::ClaimLost => StoreError::ClaimLost,
            ConflictCause::OutOfStock { sku, wanted } => {
                let available = self.item.and_then(|item| item.number("available"));
                let available = available.unwrap_or_default();
                StoreError::Stock(InvalidStock::Insufficient { sku, available, taken: wanted })
            }
        }
    }
}

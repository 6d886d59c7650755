//! One try of a write, and trying again when it was planned on what has moved meanwhile.

use ports::PortError;

use crate::StoreError;
use crate::catalog::Catalog;
use crate::delivery::{self, TRIES};

/// Why a try did not commit.
#[derive(Debug)]
pub(crate) enum Lost {
    /// What it was planned on has moved: planned again it goes in, or says what is wrong by now.
    Moved,
    For(StoreError),
}

pub(crate) type Try<T> = Result<T, Lost>;

impl Catalog {
    /// Tries until a try goes in or fails for good; `Busy` after eight that were overtaken.
    pub(crate) async fn retry<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Try<T>>,
    {
        for tried in 0..TRIES {
            match attempt().await {
                Ok(done) => return Ok(done),
                Err(Lost::For(error)) => return Err(error),
                Err(Lost::Moved) => delivery::pause(&*self.world, tried).await,
            }
        }
        Err(StoreError::Busy)
    }
}

impl From<StoreError> for Lost {
    fn from(error: StoreError) -> Self {
        Self::For(error)
    }
}

impl From<PortError> for Lost {
    fn from(error: PortError) -> Self {
        Self::For(error.into())
    }
}

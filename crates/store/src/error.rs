//! Why a repository did not do what it was asked.

use domain::{FieldError, InvalidStock, Sku, Slug};
use ports::{PortError, PortErrorKind};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Another writer changed it since it was read.
    #[error("it has changed since; its version is {current}")]
    VersionMismatch { current: u64 },
    #[error("the slug {0} is taken")]
    SlugTaken(Slug),
    #[error("the SKU {0} is taken")]
    SkuTaken(Sku),
    #[error(transparent)]
    Stock(#[from] InvalidStock),
    /// Something still stands on it.
    #[error("{0}")]
    InUse(String),
    #[error("{}", named(.0))]
    Invalid(Vec<FieldError>),
    /// The idempotency key of this request was taken over; who has it now runs the request.
    #[error("another process runs this request by now")]
    ClaimLost,
    /// The same request may well succeed a moment later.
    #[error("too many writers at once")]
    Busy,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// For those who only ask the store: whatever kept it from an answer may be over the next time.
impl From<StoreError> for PortError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Port(error) => error,
            other => Self::new(PortErrorKind::Unavailable, "read the catalogue").because(other),
        }
    }
}

fn named(errors: &[FieldError]) -> String {
    let each = errors.iter().map(|error| format!("{} {}", error.pointer, error.detail));

    each.collect::<Vec<_>>().join("; ")
}

//! How a file writes its numbers.

use domain::Currency;

use crate::number::DecimalSign;

/// What a reader must be told about the numbers of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notation {
    /// Of all prices.
    pub currency: Currency,
    /// Left out: each number says it by itself, and one that does not is refused.
    pub decimal: Option<DecimalSign>,
}

impl Notation {
    pub const fn of(currency: Currency) -> Self {
        Self { currency, decimal: None }
    }
}

impl From<Currency> for Notation {
    fn from(currency: Currency) -> Self {
        Self::of(currency)
    }
}

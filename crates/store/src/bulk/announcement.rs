//! What a job says in the change log.

use std::time::Duration;

use domain::Timestamp;
use domain::tags::Write;

use crate::catalog::CatalogBatch;

/// A job that has written more products leaves their tags out and names the whole catalogue.
const EXACT_AT_MOST: u64 = 1_000;
/// So often, so that followers see a large job's rows within their bound of four seconds.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(2);

/// What a transaction of a job says in the change log.
pub(super) enum Announcement {
    /// The tags of each product.
    Exact,
    /// No tags.
    Quiet,
    /// The whole catalogue, for itself and for the quiet ones before it.
    Loud(Timestamp),
}

impl Announcement {
    /// That of the transaction with which a job has written so many products.
    pub fn of(written: u64, announced_at: Option<Timestamp>, now: Timestamp) -> Self {
        let is_due = announced_at.is_none_or(|at| now.since(at) >= ANNOUNCE_EVERY);

        match (written > EXACT_AT_MOST, is_due) {
            (false, _) => Self::Exact,
            (true, false) => Self::Quiet,
            (true, true) => Self::Loud(now),
        }
    }

    pub const fn announced_at(&self) -> Option<Timestamp> {
        match self {
            Self::Loud(at) => Some(*at),
            Self::Exact | Self::Quiet => None,
        }
    }

    pub fn append_to(&self, batch: &mut CatalogBatch) {
        match self {
            Self::Exact => {}
            Self::Quiet => batch.quieten(),
            Self::Loud(_) => {
                batch.quieten();
                batch.tag(&Write::Everything);
            }
        }
    }
}

//! Where rows of the change log come from, and what takes them before the caches do.

use async_trait::async_trait;
use domain::{ChangeRow, Stamp};
use ports::PortError;

pub use domain::changes::{Changes, Flags, Poll, ROWS_MAX};

/// The change log, as far as a follower needs it: the store's own, or another process's over HTTP.
#[async_trait]
pub trait ChangeLog: Send + Sync + 'static {
    /// The rows after a position, in order and from the first one on, at most [`ROWS_MAX`]; read
    /// strongly consistently, so that every row committed before the call is there or under a gap.
    /// Without a position: where the log stands, and no rows.
    async fn changes(&self, poll: &Poll) -> Result<Changes, PortError>;
}

/// Receives every row before the tables move past it, so that what it holds is never
/// older than the follower's position. The search index is one.
#[async_trait]
pub trait Sink: Send + Sync + 'static {
    /// Takes contiguous rows; `position` is that of the last one. Rows may come again, after a
    /// failure or a call that was dropped half-way, and then change nothing. On an error the
    /// position stays, and the same rows come again later.
    async fn apply(&self, rows: &[ChangeRow], position: &Stamp) -> Result<(), PortError>;

    /// Rebuilds from nothing. `head` was read before this call, so what is read now holds all of
    /// it: answers `head`, or whichever position of the same log the sink holds, whose later rows
    /// then come by [`Sink::apply`].
    async fn reset(&self, head: &Stamp) -> Result<Stamp, PortError>;
}

/// For a tier that keeps nothing but answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSink;

#[async_trait]
impl Sink for NoSink {
    async fn apply(&self, _rows: &[ChangeRow], _position: &Stamp) -> Result<(), PortError> {
        Ok(())
    }

    async fn reset(&self, head: &Stamp) -> Result<Stamp, PortError> {
        Ok(head.clone())
    }
}

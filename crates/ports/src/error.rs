//! A port's failure: what was attempted, and what a caller can do about it.

use std::borrow::Cow;
use std::error::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortErrorKind {
    /// Another writer was writing the same items; the same request may well succeed.
    Conflict,
    /// Asked for too much at once; the same request may succeed later.
    Throttled,
    /// Unavailable right now, or with an unknown outcome.
    Unavailable,
    /// What is stored can't be read.
    Corrupt,
    /// The request breaks a rule of the port (more than 100 actions, one item named twice, a float):
    /// a mistake in this program.
    Invalid,
}

/// For logs alone: callers outside are told by a problem, never by this text.
#[derive(Debug, thiserror::Error)]
#[error("{attempted}: {kind:?}")]
pub struct PortError {
    pub kind: PortErrorKind,
    pub attempted: Cow<'static, str>,
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl PortError {
    pub fn new(kind: PortErrorKind, attempted: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, attempted: attempted.into(), source: None }
    }

    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub const fn is_retryable(&self) -> bool {
        match self.kind {
            PortErrorKind::Conflict | PortErrorKind::Throttled | PortErrorKind::Unavailable => true,
            PortErrorKind::Corrupt | PortErrorKind::Invalid => false,
        }
    }
}

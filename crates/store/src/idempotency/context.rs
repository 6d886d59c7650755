//! What every write is told: who writes, and what its idempotency key answers once it is committed.

use ports::PortError;

use super::claimed::ClaimedKey;
use super::record::StoredResponse;
use crate::write::{Attempt, WriteBatch, WriteConflict};
use crate::{Actor, StoreError};

/// Renders the answer to a write from what the write leaves. It runs before the commit, so it must
/// depend on nothing else.
pub type Render<'a, T> = &'a (dyn Fn(&T) -> StoredResponse + Sync);

/// Every write takes one, and [`crate::Catalog`] puts its actions into the write's own batch.
/// So the effect and the answer of a key are committed together or not at all.
pub struct WriteContext<'a, T> {
    actor: &'a Actor,
    key: KeyUse<'a, T>,
}

enum KeyUse<'a, T> {
    /// No key, as commands write.
    Unclaimed,
    /// One step of a longer request: committed only while the key is the claimant's.
    Step(&'a ClaimedKey),
    /// The whole request: committed with its answer.
    Whole(&'a ClaimedKey, Render<'a, T>),
    /// One operation of a request that has several, each with an answer of its own.
    Part(&'a ClaimedKey, usize, Render<'a, T>),
}

/// Who writes through many transactions, and the key under which all of them are written.
#[derive(Clone, Debug)]
pub struct Author {
    actor: Actor,
    claimed: Option<ClaimedKey>,
}

impl<'a, T> WriteContext<'a, T> {
    /// The write is all that the request does.
    pub const fn whole(
        actor: &'a Actor,
        claimed: Option<&'a ClaimedKey>,
        to: Render<'a, T>,
    ) -> Self {
        let key = match claimed {
            Some(claimed) => KeyUse::Whole(claimed, to),
            None => KeyUse::Unclaimed,
        };
        Self { actor, key }
    }

    /// The write is the request's operation number `at`.
    pub const fn part(
        actor: &'a Actor,
        claimed: Option<&'a ClaimedKey>,
        at: usize,
        to: Render<'a, T>,
    ) -> Self {
        let key = match claimed {
            Some(claimed) => KeyUse::Part(claimed, at, to),
            None => KeyUse::Unclaimed,
        };
        Self { actor, key }
    }

    pub const fn actor(&self) -> &'a Actor {
        self.actor
    }

    /// For a transaction before the one that does what was asked.
    pub(crate) fn step<U>(&self) -> WriteContext<'a, U> {
        let key = match self.key {
            KeyUse::Unclaimed => KeyUse::Unclaimed,
            KeyUse::Step(claimed) | KeyUse::Whole(claimed, _) | KeyUse::Part(claimed, ..) => {
                KeyUse::Step(claimed)
            }
        };
        WriteContext { actor: self.actor, key }
    }

    /// Puts the key's actions into the batch of a write that leaves `value`.
    pub(crate) fn record(&self, batch: &mut WriteBatch, value: &T) -> Result<(), PortError> {
        match self.key {
            KeyUse::Unclaimed => {}
            KeyUse::Step(claimed) => batch.under_key(vec![claimed.check()], false),
            KeyUse::Whole(claimed, to) => batch.under_key(claimed.record(&to(value))?, true),
            KeyUse::Part(claimed, at, to) => {
                batch.under_key(claimed.record_part(at, &to(value))?, true);
            }
        }
        Ok(())
    }

    /// To be called with the outcome of the commit: decides whether the key may be given to another
    /// request afterwards.
    pub(crate) fn remember<U>(&self, committed: &Attempt<U>) {
        match (self.key, committed) {
            (KeyUse::Whole(claimed, _), Ok(_)) => claimed.mark_recorded(),
            (KeyUse::Step(claimed) | KeyUse::Part(claimed, ..), Ok(_)) => claimed.mark_step(),
            // It may be committed. A whole request or a part has an answer by which that is found out
            // later; a step has none.
            (KeyUse::Step(claimed), Err(WriteConflict::Store(StoreError::Port(_)))) => {
                claimed.mark_step();
            }
            (_, Err(_)) | (KeyUse::Unclaimed, Ok(_)) => {}
        }
    }
}

impl Author {
    pub const fn claimed(actor: Actor, claimed: ClaimedKey) -> Self {
        Self { actor, claimed: Some(claimed) }
    }

    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    pub const fn claim(&self) -> Option<&ClaimedKey> {
        self.claimed.as_ref()
    }

    /// For one of the transactions.
    pub const fn step<T>(&self) -> WriteContext<'_, T> {
        let key = match &self.claimed {
            Some(claimed) => KeyUse::Step(claimed),
            None => KeyUse::Unclaimed,
        };
        WriteContext { actor: &self.actor, key }
    }
}

impl From<Actor> for Author {
    fn from(actor: Actor) -> Self {
        Self { actor, claimed: None }
    }
}

/// A command on the operator's machine brings no key.
impl<'a, T> From<&'a Actor> for WriteContext<'a, T> {
    fn from(actor: &'a Actor) -> Self {
        Self { actor, key: KeyUse::Unclaimed }
    }
}

impl<T> Clone for WriteContext<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for WriteContext<'_, T> {}

impl<T> Clone for KeyUse<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for KeyUse<'_, T> {}

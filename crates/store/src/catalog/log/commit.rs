//! Commits a catalogue write together with its row, whatever other processes write.

use std::time::Duration;

use domain::{ChangeRow, Stamp, Timestamp};
use ports::{
    Action, Attributes, Cancellation, Condition, PortError, PortErrorKind, TransactError,
    Transaction, Update,
};

use super::{Head, Log, Row};
use crate::catalog::batch::CatalogBatch;
use crate::write::{ATTEMPTS_MAX, Attempt};
use crate::{StoreError, idempotency, keys, schema};

/// A follower that was away for a week starts anew anyway.
const ROWS_LIVE: Duration = Duration::from_secs(7 * 86_400);
/// A head that moves means that another write went in, so there is nothing to wait for: of two
/// processes each wins every other time. So many losses in a row mean a broken head, not bad luck.
pub(super) const OVERTAKEN_MAX: u32 = 64;

impl Log {
    /// Commits a batch together with its row, or nothing; answers with the row's place. The batch
    /// has at most 98 actions of its own.
    pub(in crate::catalog) async fn commit(&self, batch: &CatalogBatch) -> Attempt<Stamp> {
        let (own, row) = (batch.writes.actions(), batch.row());
        let mut cached = self.head.lock().await;
        let (mut overtaken, mut conflicts) = (0, 0);

        while overtaken < OVERTAKEN_MAX && conflicts < ATTEMPTS_MAX {
            // Taken, so that a commit that is given up on the way leaves no stale head behind.
            let head = match cached.take() {
                Some(head) if row.only_after.is_none_or(|seq| seq == head.head) => head,
                _ => self.head().await?,
            };
            if row.only_after.is_some_and(|seq| seq != head.head) {
                return Err(StoreError::Busy.into());
            }
            let next = head.after(row, self.db.now());
            // Each attempt is another transaction, so each has a token of its own.
            let mut transaction =
                Transaction { actions: own.to_vec(), token: Some(self.db.fresh_token()) };
            if batch.writes.records_answer() {
                idempotency::record_place(&mut transaction.actions, &next.head.place());
            }
            transaction.actions.extend(append(&head, &next)?);
            let Next { head: next, .. } = next;

            match self.db.deliver(&transaction).await {
                Ok(()) => {
                    let place = next.place();
                    *cached = Some(next);
                    return Ok(place);
                }
                Err(TransactError::Cancelled(reasons)) => {
                    if let Some(conflict) = batch.writes.conflict(&reasons) {
                        return Err(conflict);
                    }
                    if let Some(newer) = newer_head(&reasons, own.len()) {
                        overtaken += 1;
                        *cached = Some(newer);
                    } else {
                        self.db.backoff(conflicts).await;
                        conflicts += 1;
                    }
                }
                Err(TransactError::TokenReused) => return Err(StoreError::Busy.into()),
                Err(TransactError::Port(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy.into())
    }
}

/// A row, and the head behind it.
pub(super) struct Next {
    pub(super) head: Head,
    row: ChangeRow,
}

impl Head {
    pub(super) fn after(&self, row: &Row, now: Timestamp) -> Next {
        let stored = ChangeRow {
            seq: self.head.next(),
            at: now,
            tags: row.tags.iter().cloned().collect(),
            changes: row.changes.clone(),
            hard: row.hard || row.names_everything() && self.quiet_hard,
        };
        let head = Self { row: Some(stored.digest()), ..self.moved_by(row, now) };

        Next { head, row: stored }
    }

    fn moved_by(&self, row: &Row, now: Timestamp) -> Self {
        let next = Self { head: self.head.next(), ..self.clone() };

        if row.names_everything() {
            Self { quiet_since: None, quiet_hard: false, ..next }
        } else if row.quiet {
            Self {
                quiet_since: self.quiet_since.or(Some(now)),
                quiet_hard: self.quiet_hard || row.hard,
                ..next
            }
        } else {
            next
        }
    }
}

/// The two actions that append a row behind `head`.
pub(super) fn append(head: &Head, next: &Next) -> Result<[Action; 2], PortError> {
    let Next { head: next, row } = next;
    let expires_at = i64::try_from(row.at.plus(ROWS_LIVE).as_seconds())
        .map_err(|error| PortError::new(PortErrorKind::Invalid, "the clock").because(error))?;
    let quiet_since = match next.quiet_since {
        Some(since) => Update::Set("quiet_since".into(), since.to_string().into()),
        None => Update::Remove("quiet_since".into()),
    };

    Ok([
        Action::Update {
            key: keys::log_head(),
            updates: vec![
                Update::Set("head".into(), next.head.0.into()),
                Update::Set("quiet_hard".into(), next.quiet_hard.into()),
                Update::Set("row".into(), row.digest().to_string().into()),
                quiet_since,
            ],
            condition: Some(Condition::All(vec![
                Condition::Equals("log".into(), head.log.as_str().into()),
                Condition::Equals("head".into(), head.head.0.into()),
            ])),
        },
        Action::Put {
            key: keys::log_row(next.head),
            attributes: Attributes::of(row)?.with(schema::TTL, expires_at),
            condition: None,
        },
    ])
}

/// The head as the refused transaction found it, which saves reading it.
pub(super) fn newer_head(reasons: &[Option<Cancellation>], at: usize) -> Option<Head> {
    match reasons.get(at) {
        Some(Some(Cancellation::ConditionFailed { old: Some(item) })) => {
            item.clone().parse("the log's head").ok()
        }
        _ => None,
    }
}

//! Commits a write together with its row, whoever else is writing.

use std::time::Duration;

use domain::{ChangeRow, LogId, Seq, Tag, Timestamp};
use ports::{
    Action, Attributes, Cancellation, Condition, PortError, PortErrorKind, TransactError,
    Transaction, Update,
};

use super::{Head, Log, Row};
use crate::delivery::{self, LostAction, Settled, TRIES};
use crate::{StoreError, idempotency, keys, schema};

/// A follower that was away for a week starts anew anyway.
const ROWS_LIVE: Duration = Duration::from_secs(7 * 86_400);
/// A head that moves means that somebody's write went in, so there is nothing to wait for: of two
/// processes each wins every other time. So many losses in a row mean a broken head, not bad luck.
pub(super) const OVERTAKEN_AT_MOST: u32 = 64;

/// Why a commit did not happen.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// The first of the caller's own actions whose condition did not hold.
    Lost(LostAction),
    /// The log is not where [`Row::only_after`] wants it.
    MovedOn,
    Store(StoreError),
}

impl Log {
    /// Commits `actions` together with their row, or nothing. `actions` are at most 98.
    pub(crate) async fn commit(
        &self,
        actions: Vec<Action>,
        row: Row,
    ) -> Result<(LogId, Seq), CommitError> {
        let mut cached = self.head.lock().await;
        let (mut overtaken, mut conflicts) = (0, 0);

        while overtaken < OVERTAKEN_AT_MOST && conflicts < TRIES {
            // Taken, so that a commit that is given up on the way leaves no stale head behind.
            let head = match cached.take() {
                Some(head) if row.only_after.is_none_or(|seq| seq == head.head) => head,
                _ => self.head().await?,
            };
            if row.only_after.is_some_and(|seq| seq != head.head) {
                return Err(CommitError::MovedOn);
            }
            let now = self.world.now();
            let next = head.after(&row, now);
            let own = actions.len();
            // Each try is another transaction, so each has a token of its own.
            let token = delivery::fresh_token(&*self.world);
            let mut transaction = Transaction { actions: actions.clone(), token: Some(token) };
            if row.records_answer {
                idempotency::record_place(&mut transaction.actions, &next.head.place());
            }
            transaction.actions.extend(append(&head, &next)?);
            let Next { head: next, .. } = next;

            match delivery::deliver(&*self.items, &*self.world, &transaction).await {
                Ok(()) => {
                    let place = (next.log.clone(), next.head);
                    *cached = Some(next);
                    return Ok(place);
                }
                Err(TransactError::Cancelled(reasons)) => {
                    let own_reasons = &reasons[..own.min(reasons.len())];
                    if let Some(lost) = delivery::first_lost(own_reasons) {
                        return Err(CommitError::Lost(lost));
                    }
                    if let Some(newer) = newer_head(&reasons, own) {
                        overtaken += 1;
                        *cached = Some(newer);
                    } else {
                        delivery::pause(&*self.world, conflicts).await;
                        conflicts += 1;
                    }
                }
                Err(TransactError::TokenReused) => return Err(StoreError::Busy.into()),
                Err(TransactError::Port(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy.into())
    }

    /// Commits what no answer shows, and says where the log stood before it.
    pub(crate) async fn commit_without_row(
        &self,
        mut actions: Vec<Action>,
        row: &Row,
    ) -> Result<(LogId, Seq), CommitError> {
        // Read first: a failure after the commit would tell the caller that nothing happened.
        let head = self.head().await?;
        if row.records_answer {
            idempotency::record_place(&mut actions, &head.place());
        }
        let transaction = Transaction { actions, token: None };

        match delivery::settle(&*self.items, &*self.world, transaction).await? {
            Settled::Done => Ok((head.log, head.head)),
            Settled::Lost(lost) => Err(CommitError::Lost(lost)),
        }
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
            tags: row.tags.clone(),
            changes: row.changes.clone(),
            hard: row.hard || names_everything(row) && self.quiet_hard,
        };
        let head = Self { row: Some(stored.digest()), ..self.moved_by(row, now) };

        Next { head, row: stored }
    }

    fn moved_by(&self, row: &Row, now: Timestamp) -> Self {
        let next = Self { head: self.head.next(), ..self.clone() };

        if names_everything(row) {
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

fn names_everything(row: &Row) -> bool {
    row.tags.contains(&Tag::CATALOG)
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

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<PortError> for CommitError {
    fn from(error: PortError) -> Self {
        Self::Store(error.into())
    }
}

//! A write before it is committed: its actions, and what the failure of each would mean.

use ports::{Action, Attributes, Cancellation, Condition, Key, Update};

use crate::write::{ConflictCause, FailedCondition, WriteConflict};

/// Actions that are committed together or not at all; at most 100, each on an item of its own.
#[derive(Debug, Default)]
pub struct WriteBatch {
    actions: Vec<Action>,
    /// One for each action.
    causes: Vec<ConflictCause>,
    records_answer: bool,
}

impl WriteBatch {
    pub fn new() -> Self {
        Self::default()
    }

    /// An action whose condition holds unless what was read has changed.
    pub fn push(&mut self, action: Action) {
        self.push_or(action, ConflictCause::Stale);
    }

    /// An action, and what it means if its condition does not hold.
    pub fn push_or(&mut self, action: Action, cause: ConflictCause) {
        self.actions.push(action);
        self.causes.push(cause);
    }

    /// Puts an item where none is yet.
    pub fn put_new(&mut self, key: Key, item: Attributes) {
        self.push(Action::Put { key, attributes: item, condition: Some(Condition::NotExists) });
    }

    /// Replaces an item that is still at `version`; 0 stands for none.
    pub fn replace(&mut self, key: Key, item: Attributes, version: u64) {
        let condition = match version {
            0 => Condition::NotExists,
            version => at_version(version),
        };
        self.push(Action::Put { key, attributes: item, condition: Some(condition) });
    }

    pub fn remove(&mut self, key: Key, condition: Condition) {
        self.push(Action::Delete { key, condition: Some(condition) });
    }

    /// Changes attributes of an item as it stands.
    pub fn update(&mut self, key: Key, updates: Vec<Update>, condition: Condition) {
        self.push(Action::Update { key, updates, condition: Some(condition) });
    }

    pub fn check(&mut self, key: Key, condition: Condition) {
        self.push(Action::Check { key, condition });
    }

    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Commits only together with the actions of an idempotency key; `records_answer`: the first of
    /// them keeps the place of this write in the change log. They come first: once the key is lost,
    /// no other failed condition matters.
    pub(crate) fn under_key(&mut self, actions: Vec<Action>, records_answer: bool) {
        self.causes.splice(0..0, actions.iter().map(|_| ConflictCause::ClaimLost));
        self.actions.splice(0..0, actions);
        self.records_answer = records_answer;
    }

    /// Whether the first action is the record of an idempotency key.
    pub(crate) const fn records_answer(&self) -> bool {
        self.records_answer
    }

    pub(crate) fn actions_mut(&mut self) -> &mut Vec<Action> {
        &mut self.actions
    }

    /// What a refused transaction says of this batch, whose actions were its first ones; `None` if
    /// each of their conditions held.
    pub(crate) fn conflict(&self, reasons: &[Option<Cancellation>]) -> Option<WriteConflict> {
        let failed = self.causes.iter().zip(reasons).filter_map(|(cause, reason)| match reason {
            Some(Cancellation::ConditionFailed { old }) => {
                Some(FailedCondition { cause: cause.clone(), item: old.clone() })
            }
            Some(Cancellation::Conflict) | None => None,
        });
        let failed: Vec<_> = failed.collect();

        match failed.first()?.cause {
            ConflictCause::Stale => Some(WriteConflict::Stale),
            _ => Some(WriteConflict::Failed(failed)),
        }
    }
}

/// Numbers in items are signed.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn at_version(version: u64) -> Condition {
    Condition::Equals("version".into(), version.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str) -> Action {
        Action::Check {
            key: Key::new(ports::Table::Commerce, "test", name),
            condition: Condition::Exists,
        }
    }

    fn failed() -> Option<Cancellation> {
        Some(Cancellation::ConditionFailed { old: None })
    }

    #[test]
    fn the_first_condition_that_failed_decides_what_a_conflict_is() {
        let mut batch = WriteBatch::new();
        batch.push_or(check("a"), ConflictCause::Unexpected);
        batch.push(check("b"));
        batch.push_or(check("c"), ConflictCause::Unexpected);

        let conflict = |reasons: &[Option<Cancellation>]| batch.conflict(reasons);

        let named = conflict(&[failed(), failed(), failed()]);
        assert!(matches!(named, Some(WriteConflict::Failed(all)) if all.len() == 3));
        assert!(matches!(conflict(&[None, failed(), failed()]), Some(WriteConflict::Stale)));
        // The last one is not of this batch, and a transient conflict is no failed condition.
        assert!(conflict(&[None, Some(Cancellation::Conflict), None, failed()]).is_none());
    }

    #[test]
    fn a_lost_idempotency_key_comes_before_anything_else() {
        let mut batch = WriteBatch::new();
        batch.push(check("a"));

        batch.under_key(vec![check("key")], false);

        let Some(WriteConflict::Failed(all)) = batch.conflict(&[failed(), failed()]) else {
            panic!("the key is lost");
        };
        assert_eq!(all[0].cause, ConflictCause::ClaimLost);
    }
}

//! Transactions: up to 100 conditional writes, all or none.

use crate::items::validate_attribute;
use crate::{Attributes, Key, PortError, PortErrorKind, Value};

/// DynamoDB's bound (TransactWriteItems); the same on every engine, so that nothing is written here
/// that would not run there.
pub const ACTIONS_MAX: usize = 100;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transaction {
    pub actions: Vec<Action>,
    /// 1 to 36 characters; makes a retry after a lost answer harmless.
    pub token: Option<String>,
}

/// One write or check of one item; no two actions of a transaction name the same item.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Put {
        key: Key,
        attributes: Attributes,
        condition: Option<Condition>,
    },
    /// Changes attributes of an item; makes it, with these attributes alone, if it is not there.
    Update {
        key: Key,
        updates: Vec<Update>,
        condition: Option<Condition>,
    },
    Delete {
        key: Key,
        condition: Option<Condition>,
    },
    Check {
        key: Key,
        condition: Condition,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    Set(String, Value),
    /// Adds to a number; a missing one counts as zero.
    Add(String, i64),
    Remove(String),
}

/// About the item as it stands before the transaction. A comparison with an attribute that is not
/// there, or is no number, does not hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Exists,
    NotExists,
    Equals(String, Value),
    AtLeast(String, i64),
    Below(String, i64),
    /// The first attribute is at least the second one.
    AttributeAtLeast(String, String),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

/// Why a transaction did not happen.
#[derive(Debug, thiserror::Error)]
pub enum TransactError {
    /// One entry for each action, in order; `None` where the action alone would have succeeded.
    #[error("cancelled: {0:?}")]
    Cancelled(Vec<Option<Cancellation>>),
    /// The token was used for other actions.
    #[error("the token was used for another transaction")]
    TokenReused,
    #[error(transparent)]
    Port(#[from] PortError),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Cancellation {
    /// With the item as it stands, if there is one.
    ConditionFailed { old: Option<Attributes> },
    /// Another transaction was writing the same item: try again.
    Conflict,
}

impl Transaction {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    #[must_use]
    pub fn put(mut self, key: Key, attributes: Attributes) -> Self {
        self.actions.push(Action::Put { key, attributes, condition: None });
        self
    }

    #[must_use]
    pub fn put_if(mut self, key: Key, attributes: Attributes, condition: Condition) -> Self {
        self.actions.push(Action::Put { key, attributes, condition: Some(condition) });
        self
    }

    #[must_use]
    pub fn update_if(mut self, key: Key, updates: Vec<Update>, condition: Condition) -> Self {
        self.actions.push(Action::Update { key, updates, condition: Some(condition) });
        self
    }

    #[must_use]
    pub fn delete_if(mut self, key: Key, condition: Condition) -> Self {
        self.actions.push(Action::Delete { key, condition: Some(condition) });
        self
    }

    #[must_use]
    pub fn check(mut self, key: Key, condition: Condition) -> Self {
        self.actions.push(Action::Check { key, condition });
        self
    }

    /// The rules that every adapter checks first, so that all refuse the same requests: 1 to 100
    /// actions, each item once, keys of a legal length, values that every engine can keep, updates
    /// that name each attribute once, a token of 1 to 36 characters.
    pub fn validate(&self) -> Result<(), PortError> {
        let invalid = |why: &'static str| Err(PortError::new(PortErrorKind::Invalid, why));
        let mut keys: Vec<&Key> = self.actions.iter().map(Action::key).collect();
        keys.sort_unstable();

        if self.actions.is_empty() || self.actions.len() > ACTIONS_MAX {
            return invalid("a transaction has 1 to 100 actions");
        }
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return invalid("a transaction names an item twice");
        }
        keys.iter().try_for_each(|key| key.validate())?;
        if self.token.as_ref().is_some_and(|token| !(1..=36).contains(&token.len())) {
            return invalid("a token has 1 to 36 characters");
        }
        self.actions.iter().try_for_each(Action::validate)
    }
}

impl Action {
    pub const fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. }
            | Self::Update { key, .. }
            | Self::Delete { key, .. }
            | Self::Check { key, .. } => key,
        }
    }

    pub const fn condition(&self) -> Option<&Condition> {
        match self {
            Self::Put { condition, .. }
            | Self::Update { condition, .. }
            | Self::Delete { condition, .. } => condition.as_ref(),
            Self::Check { condition, .. } => Some(condition),
        }
    }

    fn validate(&self) -> Result<(), PortError> {
        match self {
            Self::Put { attributes, .. } => {
                attributes.0.iter().try_for_each(|(name, value)| validate_attribute(name, value))
            }
            Self::Update { updates, .. } => validate_updates(updates),
            Self::Delete { .. } | Self::Check { .. } => Ok(()),
        }
    }
}

impl Update {
    pub fn attribute(&self) -> &str {
        match self {
            Self::Set(name, _) | Self::Add(name, _) | Self::Remove(name) => name,
        }
    }
}

fn validate_updates(updates: &[Update]) -> Result<(), PortError> {
    let mut names: Vec<&str> = updates.iter().map(Update::attribute).collect();
    names.sort_unstable();

    if names.is_empty() {
        return Err(PortError::new(PortErrorKind::Invalid, "an update changes nothing"));
    }
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(PortError::new(PortErrorKind::Invalid, "an update names an attribute twice"));
    }
    updates.iter().try_for_each(|update| match update {
        Update::Set(name, value) => validate_attribute(name, value),
        Update::Add(name, _) | Update::Remove(name) => validate_attribute(name, &Value::Null),
    })
}

impl Condition {
    /// Whether it holds for an item; `None` where there is none. The meaning that adapters without a
    /// condition language of their own use, and that the others must agree with.
    pub fn holds(&self, item: Option<&Attributes>) -> bool {
        let number = |name: &str| item.and_then(|item| item.number(name));

        match self {
            Self::Exists => item.is_some(),
            Self::NotExists => item.is_none(),
            Self::Equals(name, value) => item.and_then(|item| item.0.get(name)) == Some(value),
            Self::AtLeast(name, least) => number(name).is_some_and(|number| number >= *least),
            Self::Below(name, bound) => number(name).is_some_and(|number| number < *bound),
            Self::AttributeAtLeast(left, right) => {
                number(left).zip(number(right)).is_some_and(|(left, right)| left >= right)
            }
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(item)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(item)),
        }
    }
}

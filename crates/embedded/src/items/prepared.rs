//! A transaction ready for the writer: validated, encoded and measured on the caller's thread, so
//! that the one thread that writes does not have to.

use ports::{
    Action, Attributes, Condition, ITEM_BYTES_MAX, Key, PortError, TRANSACTION_BYTES_MAX, Table,
    TableDefinition, Transaction, Update, Value,
};

use super::fingerprint::{self, Fingerprint};
use super::schema::Schema;
use crate::sqlite::error::invalid;

/// DynamoDB has the same limit for an index's key as for a table's sort key.
const INDEX_KEY_BYTES_MAX: usize = 1_024;

pub(crate) struct Prepared {
    pub actions: Vec<PreparedAction>,
    pub token: Option<Token>,
    /// Roughly what it occupies in memory while it waits.
    pub size_bytes: usize,
}

pub(crate) struct PreparedAction {
    pub key: Key,
    pub condition: Option<Condition>,
    pub change: Change,
}

pub(crate) enum Change {
    /// The attributes as JSON.
    Put(String),
    Update(Vec<Update>),
    Delete,
    Nothing,
}

pub(crate) struct Token {
    pub name: String,
    pub actions: Fingerprint,
}

impl Prepared {
    pub(crate) fn of(transaction: &Transaction, schema: &Schema) -> Result<Self, PortError> {
        let actions: Result<Vec<PreparedAction>, PortError> =
            transaction.actions.iter().map(|action| PreparedAction::of(action, schema)).collect();
        let actions = actions?;
        let size_bytes: usize = actions.iter().map(PreparedAction::size_bytes).sum();
        if size_bytes > TRANSACTION_BYTES_MAX {
            return Err(invalid("a transaction writes at most 4 MB"));
        }
        let token = transaction.token.as_ref().map(|name| Token {
            name: name.clone(),
            actions: fingerprint::of(&transaction.actions),
        });

        Ok(Self { actions, token, size_bytes })
    }
}

impl PreparedAction {
    fn of(action: &Action, schema: &Schema) -> Result<Self, PortError> {
        let table = schema.table(action.key().table)?;
        let change = match action {
            Action::Put { attributes, .. } => Change::Put(encode(attributes, table.definition)?),
            Action::Update { updates, .. } => Change::Update(updates.clone()),
            Action::Delete { .. } => Change::Delete,
            Action::Check { .. } => Change::Nothing,
        };

        Ok(Self { key: action.key().clone(), condition: action.condition().cloned(), change })
    }

    /// Whether the outcome depends on the item's attributes, and not only on its presence.
    pub(crate) fn reads_attributes(&self) -> bool {
        let by_presence =
            matches!(self.condition, None | Some(Condition::Exists) | Some(Condition::NotExists));

        !by_presence || matches!(self.change, Change::Update(_))
    }

    pub(crate) fn table(&self) -> Table {
        self.key.table
    }

    fn size_bytes(&self) -> usize {
        let change = match &self.change {
            Change::Put(text) => text.len(),
            Change::Update(updates) => updates.iter().map(update_size_bytes).sum(),
            Change::Delete | Change::Nothing => 0,
        };

        self.key.pk.len() + self.key.sk.len() + change
    }
}

/// The attributes as JSON; `Invalid` if DynamoDB would not store them.
pub(crate) fn encode(
    attributes: &Attributes,
    definition: &TableDefinition,
) -> Result<String, PortError> {
    let indexed = definition.indexes.iter().flat_map(|index| [index.partition, index.sort]);
    for name in indexed {
        if attributes.0.get(name).is_some_and(|value| !is_index_key(value)) {
            let why = format!("{name} is the key of an index: text of 1 to 1,024 bytes, or absent");
            return Err(invalid(why));
        }
    }
    let text = serde_json::to_string(&attributes.0)
        .map_err(|error| invalid("an item is not JSON").because(error))?;

    if text.len() > ITEM_BYTES_MAX {
        return Err(invalid(format!("an item has at most 400 KB, not {} bytes", text.len())));
    }
    Ok(text)
}

/// Without NUL, at which SQLite's JSON functions would end the text.
fn is_index_key(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| (1..=INDEX_KEY_BYTES_MAX).contains(&text.len()) && !text.contains('\0'))
}

fn update_size_bytes(update: &Update) -> usize {
    update.attribute().len()
        + match update {
            Update::Set(_, value) => value_size_bytes(value),
            Update::Add(..) | Update::Remove(_) => 0,
        }
}

fn value_size_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(value_size_bytes).sum(),
        Value::Object(map) => {
            map.iter().map(|(name, value)| name.len() + value_size_bytes(value)).sum()
        }
    }
}

//! What the tables take: the definitions, and DynamoDB's bounds as the real engines keep them.

use ports::{
    Action, Attributes, ITEM_BYTES_MAX, PortError, TRANSACTION_BYTES_MAX, Table, TableDefinition,
    Transaction, Update, Value,
};

use super::invalid;
use crate::page::{Order, StoredItem};

/// Bounds of an index's keys.
const INDEX_KEY_BYTES_MAX: usize = 1_024;

pub(super) struct Schema(&'static [TableDefinition]);

impl Schema {
    pub const fn of(tables: &'static [TableDefinition]) -> Self {
        Self(tables)
    }

    pub fn table(&self, table: Table) -> Result<&'static TableDefinition, PortError> {
        let found = self.0.iter().find(|definition| definition.table == table);

        found.ok_or_else(|| invalid(format!("there is no table {}", table.name())))
    }

    /// The order that a query asks for.
    pub fn order(&self, table: Table, index: Option<&str>) -> Result<Order, PortError> {
        let definition = self.table(table)?;
        let Some(name) = index else { return Ok(Order::Partition) };
        let found = definition.indexes.iter().find(|index| index.name == name);

        found
            .map(Order::Index)
            .ok_or_else(|| invalid(format!("the table {} has no index {name}", table.name())))
    }

    /// What a transaction writes is within bounds, whatever its conditions say.
    pub fn check(&self, transaction: &Transaction) -> Result<(), PortError> {
        let mut bytes = 0;
        for action in &transaction.actions {
            let key = action.key();
            self.table(key.table)?;
            bytes += key.pk.len() + key.sk.len();
            bytes += match action {
                Action::Put { attributes, .. } => self.bytes(key.table, attributes)?,
                Action::Update { updates, .. } => updates.iter().map(bytes_of_update).sum(),
                Action::Delete { .. } | Action::Check { .. } => 0,
            };
        }

        if bytes > TRANSACTION_BYTES_MAX {
            return Err(invalid("a transaction writes at most 4 MB"));
        }
        Ok(())
    }

    /// An item as it is kept, if DynamoDB would keep it too.
    pub fn item(&self, table: Table, attributes: Attributes) -> Result<StoredItem, PortError> {
        let bytes = self.bytes(table, &attributes)?;

        Ok(StoredItem { attributes, bytes })
    }

    fn bytes(&self, table: Table, attributes: &Attributes) -> Result<usize, PortError> {
        let indexes = self.table(table)?.indexes;
        for name in indexes.iter().flat_map(|index| [index.partition, index.sort]) {
            if attributes.0.get(name).is_some_and(|value| !is_index_key(value)) {
                return Err(invalid(format!("{name} is the key of an index: a text, or absent")));
            }
        }
        let text = serde_json::to_vec(&attributes.0)
            .map_err(|error| invalid("an item is no JSON").because(error))?;
        let bytes = text.len();

        if bytes > ITEM_BYTES_MAX {
            return Err(invalid(format!("an item has at most 400 KB, not {bytes} bytes")));
        }
        Ok(bytes)
    }
}

/// SQLite's JSON functions end a text at a NUL, so no engine takes one.
fn is_index_key(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| (1..=INDEX_KEY_BYTES_MAX).contains(&text.len()) && !text.contains('\0'))
}

fn bytes_of_update(update: &Update) -> usize {
    update.attribute().len()
        + match update {
            Update::Set(_, value) => value.to_string().len(),
            Update::Add(..) | Update::Remove(_) => 0,
        }
}

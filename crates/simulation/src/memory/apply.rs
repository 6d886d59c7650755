//! One transaction: judged first, written after.

use ports::{
    Action, Attributes, Cancellation, Key, PortError, TransactError, Transaction, Update, Value,
};

use super::schema::Schema;
use super::{State, invalid};
use crate::page::StoredItem;

/// What an action that may happen does to its item.
enum Write {
    Put(StoredItem),
    Delete,
    Nothing,
}

impl State {
    pub fn transact(
        &mut self,
        schema: &Schema,
        transaction: &Transaction,
    ) -> Result<(), TransactError> {
        let actions = &transaction.actions;
        if let Some(token) = &transaction.token
            && self.tokens.is_replay(token, actions)?
        {
            return Ok(());
        }
        for (key, write) in self.judge(schema, actions)? {
            match write {
                Write::Put(item) => {
                    self.items.insert(key.clone(), item);
                }
                Write::Delete => {
                    self.items.remove(key);
                }
                Write::Nothing => {}
            }
        }
        if let Some(token) = &transaction.token {
            self.tokens.record(token, actions);
        }
        Ok(())
    }

    /// All conditions see the items as they stand: no item comes twice, and nothing is written yet.
    fn judge<'a>(
        &self,
        schema: &Schema,
        actions: &'a [Action],
    ) -> Result<Vec<(&'a Key, Write)>, TransactError> {
        let mut writes = Vec::with_capacity(actions.len());
        let mut reasons = vec![None; actions.len()];
        let mut refused = Ok(());

        for (action, reason) in actions.iter().zip(&mut reasons) {
            let old = self.items.get(action.key()).map(|item| &item.attributes);
            if !action.condition().is_none_or(|condition| condition.holds(old)) {
                *reason = Some(Cancellation::ConditionFailed { old: old.cloned() });
                continue;
            }
            match write(schema, action, old) {
                Ok(write) => writes.push((action.key(), write)),
                Err(error) => refused = refused.and(Err(error)),
            }
        }
        refused?;
        if reasons.iter().any(Option::is_some) {
            return Err(TransactError::Cancelled(reasons));
        }
        Ok(writes)
    }
}

fn write(schema: &Schema, action: &Action, old: Option<&Attributes>) -> Result<Write, PortError> {
    let table = action.key().table;

    Ok(match action {
        Action::Put { attributes, .. } => Write::Put(schema.item(table, attributes.clone())?),
        Action::Update { updates, .. } => {
            let updated = updated(old.cloned().unwrap_or_default(), updates)?;
            Write::Put(schema.item(table, updated)?)
        }
        Action::Delete { .. } => Write::Delete,
        Action::Check { .. } => Write::Nothing,
    })
}

fn updated(mut item: Attributes, updates: &[Update]) -> Result<Attributes, PortError> {
    for update in updates {
        match update {
            Update::Set(name, value) => {
                item.0.insert(name.clone(), value.clone());
            }
            Update::Add(name, addend) => {
                let sum = sum(item.0.get(name), *addend)?;
                item.0.insert(name.clone(), sum.into());
            }
            Update::Remove(name) => {
                item.0.remove(name);
            }
        }
    }
    Ok(item)
}

fn sum(to: Option<&Value>, addend: i64) -> Result<i64, PortError> {
    let number = match to {
        None => 0,
        Some(value) => value.as_i64().ok_or_else(|| invalid("what is added to is no number"))?,
    };

    number.checked_add(addend).ok_or_else(|| invalid("a sum does not fit in 64 bits"))
}

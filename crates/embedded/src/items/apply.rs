//! Applies one transaction on the writer's connection: all conditions are checked first, then all
//! items are written.

use std::borrow::Cow;

use domain::Timestamp;
use ports::{Attributes, Cancellation, Condition, PortError, TransactError, Update, Value};
use rusqlite::{Connection, params};

use super::prepared::{self, Change, Prepared, PreparedAction};
use super::read;
use super::schema::Schema;
use super::statements::TableSql;
use super::tokens;
use crate::sqlite::error::{self, invalid};

/// What an action whose condition holds does to its item.
enum Write<'a> {
    Put(Cow<'a, str>),
    Delete,
    Nothing,
}

/// Writes nothing unless every condition holds; after an error of the engine the caller rolls back.
/// `now` decides whether a token is still remembered.
pub(crate) fn apply(
    connection: &Connection,
    schema: &Schema,
    prepared: &Prepared,
    now: Timestamp,
) -> Result<(), TransactError> {
    if let Some(token) = &prepared.token
        && tokens::is_replay(connection, token, now)?
    {
        return Ok(());
    }
    let writes = check(connection, schema, &prepared.actions)?;
    for (action, write) in prepared.actions.iter().zip(writes) {
        let table = schema.table(action.table())?;
        perform(connection, table, action, &write).map_err(error::sqlite("write an item"))?;
    }
    if let Some(token) = &prepared.token {
        tokens::record(connection, token, now).map_err(error::sqlite("record a token"))?;
    }
    Ok(())
}

/// All conditions see the items as they are before the transaction: no item is named twice, and
/// nothing is written yet.
fn check<'a>(
    connection: &Connection,
    schema: &Schema,
    actions: &'a [PreparedAction],
) -> Result<Vec<Write<'a>>, TransactError> {
    let mut writes = Vec::with_capacity(actions.len());
    let mut reasons = vec![None; actions.len()];
    let mut refused = Ok(());

    for (action, reason) in actions.iter().zip(&mut reasons) {
        match decide(connection, schema.table(action.table())?, action) {
            Ok(Ok(write)) => writes.push(write),
            Ok(Err(cancellation)) => *reason = Some(cancellation),
            Err(error) => refused = refused.and(Err(error)),
        }
    }
    refused?;
    if reasons.iter().any(Option::is_some) {
        return Err(TransactError::Cancelled(reasons));
    }
    Ok(writes)
}

fn decide<'a>(
    connection: &Connection,
    table: &TableSql,
    action: &'a PreparedAction,
) -> Result<Result<Write<'a>, Cancellation>, PortError> {
    // A put or a delete without a condition does not depend on what is stored.
    let is_blind = action.condition.is_none() && !matches!(action.change, Change::Update(_));
    let text = if is_blind { None } else { read::find(connection, table, &action.key)? };
    let parsed = |text: Option<&str>| text.map(read::parse).transpose();
    let old = if action.reads_attributes() { parsed(text.as_deref())? } else { None };

    let holds = match &action.condition {
        None => true,
        Some(Condition::Exists) => text.is_some(),
        Some(Condition::NotExists) => text.is_none(),
        Some(condition) => condition.holds(old.as_ref()),
    };
    if !holds {
        return Ok(Err(Cancellation::ConditionFailed { old: parsed(text.as_deref())? }));
    }
    Ok(Ok(match &action.change {
        Change::Put(text) => Write::Put(Cow::Borrowed(text)),
        Change::Update(updates) => {
            let updated = update(old.unwrap_or_default(), updates)?;
            Write::Put(Cow::Owned(prepared::encode(&updated, table.definition)?))
        }
        Change::Delete => Write::Delete,
        Change::Nothing => Write::Nothing,
    }))
}

fn update(mut item: Attributes, updates: &[Update]) -> Result<Attributes, PortError> {
    for update in updates {
        match update {
            Update::Set(name, value) => {
                item.0.insert(name.clone(), value.clone());
            }
            Update::Add(name, addend) => {
                let sum = add(item.0.get(name), *addend)?;
                item.0.insert(name.clone(), sum.into());
            }
            Update::Remove(name) => {
                item.0.remove(name);
            }
        }
    }
    Ok(item)
}

fn add(to: Option<&Value>, addend: i64) -> Result<i64, PortError> {
    let number = match to {
        None => 0,
        Some(value) => value
            .as_i64()
            .ok_or_else(|| invalid("an attribute that is added to is not a number"))?,
    };

    number.checked_add(addend).ok_or_else(|| invalid("a sum exceeds 64 bits"))
}

fn perform(
    connection: &Connection,
    table: &TableSql,
    action: &PreparedAction,
    write: &Write<'_>,
) -> rusqlite::Result<()> {
    let key = &action.key;

    match write {
        Write::Put(text) => {
            connection.prepare_cached(&table.put)?.execute(params![key.pk, key.sk, text])?;
        }
        Write::Delete => {
            connection.prepare_cached(&table.delete)?.execute(params![key.pk, key.sk])?;
        }
        Write::Nothing => {}
    }
    Ok(())
}

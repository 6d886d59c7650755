//! DynamoDB's expressions. They contain names and values only as placeholders: a name may be a
//! reserved word, and a value may be anything.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ports::{Condition, PortError, SortRange, Update};

use super::attribute::{Item, from_json, integer};
use super::{PARTITION_KEY, SORT_KEY};

/// The names and values behind the placeholders of an action's expressions.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    names: Vec<String>,
    values: Vec<AttributeValue>,
}

impl Placeholders {
    pub(super) fn name(&mut self, name: &str) -> String {
        let index = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        format!("#n{index}")
    }

    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        self.values.push(value);
        format!(":v{}", self.values.len() - 1)
    }

    pub(super) fn text(&mut self, text: &str) -> String {
        self.value(AttributeValue::S(text.to_owned()))
    }

    /// The request's maps; `None` instead of an empty one, which DynamoDB refuses.
    pub(super) fn into_maps(self) -> (Option<HashMap<String, String>>, Option<Item>) {
        let numbered = |mark: &'static str| move |index: usize| format!("{mark}{index}");
        let names: HashMap<_, _> = (0..).map(numbered("#n")).zip(self.names).collect();
        let values: Item = (0..).map(numbered(":v")).zip(self.values).collect();

        (Some(names).filter(|map| !map.is_empty()), Some(values).filter(|map| !map.is_empty()))
    }
}

/// The text of a condition, equivalent to [`Condition::holds`].
pub(super) fn condition(
    condition: &Condition,
    placeholders: &mut Placeholders,
) -> Result<String, PortError> {
    Ok(render(condition, placeholders)?.text)
}

/// The text of an update. The port has validated that it changes something, and nothing twice.
pub(super) fn update(
    updates: &[Update],
    placeholders: &mut Placeholders,
) -> Result<String, PortError> {
    let (mut sets, mut adds, mut removes) = (Vec::new(), Vec::new(), Vec::new());

    for update in updates {
        match update {
            Update::Set(name, value) => {
                let value = from_json(value)?;
                sets.push(format!("{} = {}", placeholders.name(name), placeholders.value(value)));
            }
            Update::Add(name, number) => {
                let number = placeholders.value(integer(*number));
                adds.push(format!("{} {number}", placeholders.name(name)));
            }
            Update::Remove(name) => removes.push(placeholders.name(name)),
        }
    }
    let clauses: Vec<String> = [("SET", sets), ("ADD", adds), ("REMOVE", removes)]
        .into_iter()
        .filter(|(_, parts)| !parts.is_empty())
        .map(|(verb, parts)| format!("{verb} {}", parts.join(", ")))
        .collect();

    Ok(clauses.join(" "))
}

/// The text of a key condition; `None` if no key can be in the range, which DynamoDB would refuse
/// (before the empty string, or an end before the start).
pub(super) fn key_condition(
    (partition_key, sort_key): (&str, &str),
    partition: &str,
    sort: &SortRange,
    placeholders: &mut Placeholders,
) -> Option<String> {
    let whole = format!("{} = {}", placeholders.name(partition_key), placeholders.text(partition));
    // DynamoDB refuses placeholders that are not used: the sort key gets one only where it is named.
    let mut compared = |operator: &str, bound: &str| {
        format!("{} {operator} {}", placeholders.name(sort_key), placeholders.text(bound))
    };
    let text = match sort {
        SortRange::All => return Some(whole),
        // Every key is after the empty string, so this is the whole partition.
        SortRange::Prefix(start) | SortRange::From(start) | SortRange::After(start)
            if start.is_empty() =>
        {
            return Some(whole);
        }
        SortRange::Before(end) if end.is_empty() => return None,
        SortRange::Between(start, end) if end.is_empty() || start > end => return None,
        SortRange::Between(start, end) if start.is_empty() => compared("<=", end),
        SortRange::Between(start, end) => {
            format!("{} AND {}", compared("BETWEEN", start), placeholders.text(end))
        }
        SortRange::Prefix(prefix) => {
            format!("begins_with({}, {})", placeholders.name(sort_key), placeholders.text(prefix))
        }
        SortRange::From(start) => compared(">=", start),
        SortRange::After(start) => compared(">", start),
        SortRange::Before(end) => compared("<", end),
    };
    Some(format!("{whole} AND {text}"))
}

/// A part of a condition. Only a disjunction within a conjunction gets parentheses: DynamoDB refuses
/// redundant ones.
struct Rendered {
    text: String,
    is_disjunction: bool,
}

fn render(condition: &Condition, placeholders: &mut Placeholders) -> Result<Rendered, PortError> {
    let text = match condition {
        Condition::Exists => exists(placeholders),
        Condition::NotExists => not_exists(placeholders),
        Condition::Equals(name, value) => {
            let value = placeholders.value(from_json(value)?);
            format!("{} = {value}", placeholders.name(name))
        }
        Condition::AtLeast(name, least) => {
            let least = placeholders.value(integer(*least));
            format!("{} >= {least}", placeholders.name(name))
        }
        Condition::Below(name, bound) => {
            let bound = placeholders.value(integer(*bound));
            format!("{} < {bound}", placeholders.name(name))
        }
        Condition::AttributeAtLeast(left, right) => at_least(left, right, placeholders),
        Condition::All(conditions) => return conjunction(conditions, placeholders),
        Condition::Any(conditions) => return disjunction(conditions, placeholders),
    };
    Ok(Rendered { text, is_disjunction: false })
}

fn exists(placeholders: &mut Placeholders) -> String {
    format!("attribute_exists({})", placeholders.name(PARTITION_KEY))
}

fn not_exists(placeholders: &mut Placeholders) -> String {
    format!("attribute_not_exists({})", placeholders.name(PARTITION_KEY))
}

/// DynamoDB compares strings too, and refuses to compare an attribute with itself.
fn at_least(left: &str, right: &str, placeholders: &mut Placeholders) -> String {
    let number = placeholders.text("N");
    let is_number = format!("attribute_type({}, {number})", placeholders.name(left));

    if left == right {
        return is_number;
    }
    format!("{is_number} AND {} >= {}", placeholders.name(left), placeholders.name(right))
}

fn conjunction(
    conditions: &[Condition],
    placeholders: &mut Placeholders,
) -> Result<Rendered, PortError> {
    match conditions {
        // Always true; DynamoDB has no literal for it.
        [] => {
            let text = format!("{} OR {}", exists(placeholders), not_exists(placeholders));
            Ok(Rendered { text, is_disjunction: true })
        }
        [only] => render(only, placeholders),
        many => {
            let parts = many.iter().map(|part| {
                let Rendered { text, is_disjunction } = render(part, placeholders)?;
                Ok(if is_disjunction { format!("({text})") } else { text })
            });
            let text = parts.collect::<Result<Vec<String>, PortError>>()?.join(" AND ");
            Ok(Rendered { text, is_disjunction: false })
        }
    }
}

fn disjunction(
    conditions: &[Condition],
    placeholders: &mut Placeholders,
) -> Result<Rendered, PortError> {
    match conditions {
        // Always false.
        [] => {
            let text = format!("{} AND {}", exists(placeholders), not_exists(placeholders));
            Ok(Rendered { text, is_disjunction: false })
        }
        [only] => render(only, placeholders),
        many => {
            let parts = many.iter().map(|part| Ok(render(part, placeholders)?.text));
            let text = parts.collect::<Result<Vec<String>, PortError>>()?.join(" OR ");
            Ok(Rendered { text, is_disjunction: true })
        }
    }
}

/// The condition that an item's partition key has this prefix; `None` if every key has.
pub(super) fn partition_begins(prefix: &str, placeholders: &mut Placeholders) -> Option<String> {
    if prefix.is_empty() {
        return None;
    }
    let prefix = placeholders.text(prefix);
    Some(format!("begins_with({}, {prefix})", placeholders.name(PARTITION_KEY)))
}

/// The key attributes of a table itself.
pub(super) const TABLE_KEYS: (&str, &str) = (PARTITION_KEY, SORT_KEY);

#[cfg(test)]
#[path = "expression_tests.rs"]
mod tests;

//! Conversion between items as JSON and DynamoDB's attribute values.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ports::{Attributes, Key, PortError, PortErrorKind, Row, Table, Value};

use super::{PARTITION_KEY, SORT_KEY};
use crate::invalid;

/// An item as DynamoDB sends and receives it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// A key alone.
pub(super) fn key(key: &Key) -> Item {
    Item::from([
        (PARTITION_KEY.to_owned(), AttributeValue::S(key.pk.clone())),
        (SORT_KEY.to_owned(), AttributeValue::S(key.sk.clone())),
    ])
}

/// A whole item. The port has validated that no attribute has the name of a key.
pub(super) fn item(key: &Key, attributes: &Attributes) -> Result<Item, PortError> {
    let mut item = self::key(key);

    for (name, value) in &attributes.0 {
        item.insert(name.clone(), from_json(value)?);
    }
    Ok(item)
}

/// Splits an item into its key and its attributes; `Corrupt` if it was not written by this program.
pub(super) fn row(table: Table, mut item: Item) -> Result<Row, PortError> {
    let pk = take_text(&mut item, PARTITION_KEY)?;
    let sk = take_text(&mut item, SORT_KEY)?;

    Ok(Row { key: Key { table, pk, sk }, attributes: Attributes(map_to_json(item)?) })
}

/// Removes an attribute that must be a string.
pub(super) fn take_text(item: &mut Item, name: &str) -> Result<String, PortError> {
    match item.remove(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(corrupt(format!("an item has no string {name}"))),
    }
}

/// `Invalid` for a number that is not an `i64`.
pub(super) fn from_json(value: &Value) -> Result<AttributeValue, PortError> {
    Ok(match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::Number(number) => {
            number.as_i64().map(integer).ok_or_else(|| invalid("an item can't hold a float"))?
        }
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(values) => {
            AttributeValue::L(values.iter().map(from_json).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => AttributeValue::M(
            map.iter()
                .map(|(name, value)| Ok((name.clone(), from_json(value)?)))
                .collect::<Result<_, PortError>>()?,
        ),
    })
}

/// DynamoDB sends and receives numbers as decimal text, so no digit is lost in a float.
pub(super) fn integer(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn to_json(value: AttributeValue) -> Result<Value, PortError> {
    Ok(match value {
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Bool(flag) => Value::Bool(flag),
        AttributeValue::N(text) => match text.parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) => return Err(corrupt(format!("an item holds the number {text}"))),
        },
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::L(values) => {
            Value::Array(values.into_iter().map(to_json).collect::<Result<_, _>>()?)
        }
        AttributeValue::M(map) => Value::Object(map_to_json(map)?),
        AttributeValue::B(_) | AttributeValue::Bs(_) => return Err(corrupt("an item holds bytes")),
        AttributeValue::Ns(_) | AttributeValue::Ss(_) => {
            return Err(corrupt("an item holds a set"));
        }
        _ => return Err(corrupt("an item holds a value of an unknown kind")),
    })
}

/// In the order of the names: DynamoDB keeps no order, and the same item must always read the same.
fn map_to_json(map: Item) -> Result<serde_json::Map<String, Value>, PortError> {
    let mut entries: Vec<(String, AttributeValue)> = map.into_iter().collect();
    entries.sort_unstable_by(|left, right| left.0.cmp(&right.0));

    entries.into_iter().map(|(name, value)| Ok((name, to_json(value)?))).collect()
}

fn corrupt(what: impl Into<std::borrow::Cow<'static, str>>) -> PortError {
    PortError::new(PortErrorKind::Corrupt, what)
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_without_a_float_is_read_as_it_was_written(value in any_value()) {
            let stored = from_json(&value).unwrap();

            prop_assert_eq!(to_json(stored).unwrap(), value);
        }
    }

    #[test]
    fn the_smallest_and_the_largest_number_keep_every_digit() {
        for number in [i64::MIN, i64::MAX, 9_007_199_254_740_993] {
            let stored = from_json(&json!(number)).unwrap();

            assert_eq!(stored, AttributeValue::N(number.to_string()));
            assert_eq!(to_json(stored).unwrap(), json!(number));
        }
    }

    #[test]
    fn a_float_and_a_number_beyond_an_i64_are_not_stored() {
        for value in [json!(1.5), json!(u64::MAX), json!([{ "deep": 0.1 }])] {
            assert_eq!(from_json(&value).unwrap_err().kind, PortErrorKind::Invalid);
        }
    }

    #[test]
    fn values_that_the_shop_never_writes_are_corrupt() {
        let foreign = [
            AttributeValue::B(Blob::new(*b"bytes")),
            AttributeValue::Bs(vec![Blob::new(*b"bytes")]),
            AttributeValue::Ss(vec!["one".into()]),
            AttributeValue::Ns(vec!["1".into()]),
            AttributeValue::N("1.5".into()),
            AttributeValue::N("9223372036854775808".into()),
        ];

        for value in foreign {
            let nested = AttributeValue::L(vec![value]);
            assert_eq!(to_json(nested).unwrap_err().kind, PortErrorKind::Corrupt);
        }
    }

    #[test]
    fn a_row_has_its_attributes_in_the_order_of_their_names() {
        let key = Key::new(Table::Catalog, "p", "s");
        let attributes = Attributes::default().with("b", 1).with("a", json!({ "y": 1, "x": 2 }));

        let row = row(Table::Catalog, item(&key, &attributes).unwrap()).unwrap();

        assert_eq!(row.key, key);
        assert_eq!(
            serde_json::to_string(&row.attributes.0).unwrap(),
            r#"{"a":{"x":2,"y":1},"b":1}"#
        );
    }
}

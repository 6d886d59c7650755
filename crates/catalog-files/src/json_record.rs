//! One JSON object a line: its keys as columns, its values as text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::mapping::Mapping;

/// The pairs of an object in their order, values as they stand: a price never becomes a float.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value where a cell is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Scalar(Cow<'a, str>),
    /// As it stands: its decimal sign is a dot.
    Number(&'a str),
    /// Scalars in a list: pictures, or the levels of a category.
    List(Vec<Cow<'a, str>>),
    /// An object, or a list of other things than scalars.
    Other,
}

/// The columns of a row: keys, and `outer.inner` for the objects that `mapping` looks into.
pub(crate) fn columns<'a>(
    line: &'a str,
    mapping: &Mapping,
) -> Result<Vec<(Cow<'a, str>, &'a RawValue)>, String> {
    let object: Object<'a> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let mut columns = Vec::with_capacity(object.0.len());

    for (key, value) in object.0 {
        if !(value.get().starts_with('{') && mapping.looks_into(&key)) {
            columns.push((key, value));
            continue;
        }
        let inner: Object<'a> =
            serde_json::from_str(value.get()).map_err(|error| error.to_string())?;
        columns.extend(
            inner.0.into_iter().map(|(name, value)| (Cow::Owned(format!("{key}.{name}")), value)),
        );
    }
    Ok(columns)
}

/// Decodes one value; `null` is an empty text, numbers and booleans are their own text.
pub(crate) fn value(raw: &RawValue) -> Result<Value<'_>, String> {
    if raw.get().starts_with('[') {
        let items: Vec<&RawValue> =
            serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
        let texts: Result<Option<Vec<_>>, _> = items.into_iter().map(scalar).collect();
        return Ok(texts?.map_or(Value::Other, Value::List));
    }
    if raw.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Ok(Value::Number(raw.get()));
    }

    Ok(scalar(raw)?.map_or(Value::Other, Value::Scalar))
}

pub(crate) type Texts = Vec<Cow<'static, str>>;

/// Pictures as the API has them, `[{"url":…,"alt":…}]`, plain addresses among them: addresses and
/// texts. `None` for anything else.
pub(crate) fn pictures(raw: &RawValue) -> Option<(Texts, Texts)> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Picture {
        Address(String),
        Object {
            url: String,
            #[serde(default)]
            alt: Option<String>,
        },
    }

    let pictures: Vec<Picture> = serde_json::from_str(raw.get()).ok()?;
    let parts = pictures.into_iter().map(|picture| match picture {
        Picture::Address(url) => (Cow::Owned(url), Cow::Borrowed("")),
        Picture::Object { url, alt } => (Cow::Owned(url), Cow::Owned(alt.unwrap_or_default())),
    });
    Some(parts.unzip())
}

fn scalar(raw: &RawValue) -> Result<Option<Cow<'_, str>>, String> {
    let text = raw.get();

    match text.as_bytes().first() {
        Some(b'"') => {
            // A lone surrogate is well-formed JSON and no text.
            let Text(text) = serde_json::from_str(text).map_err(|error| error.to_string())?;
            Ok(Some(text))
        }
        Some(b'n') => Ok(Some(Cow::Borrowed(""))),
        Some(b'{' | b'[') => Ok(None),
        _ => Ok(Some(Cow::Borrowed(text))),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();

                while let Some((Text(key), value)) = map.next_entry()? {
                    pairs.push((key, value));
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(Pairs).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<(String, Value<'_>)> {
        let columns = columns(line, &Mapping::parse(["brand=vendor.name"]).unwrap()).unwrap();

        columns.into_iter().map(|(key, raw)| (key.into_owned(), value(raw).unwrap())).collect()
    }

    fn scalar(text: &str) -> Value<'_> {
        Value::Scalar(Cow::Borrowed(text))
    }

    #[test]
    fn a_number_keeps_its_digits() {
        assert_eq!(
            read(r#"{"price": 12500.0, "stock": 15, "x": 0.1000, "big": 123456789012345678901.5}"#),
            [
                ("price".to_owned(), Value::Number("12500.0")),
                ("stock".to_owned(), Value::Number("15")),
                ("x".to_owned(), Value::Number("0.1000")),
                ("big".to_owned(), Value::Number("123456789012345678901.5")),
            ]
        );
    }

    #[test]
    fn an_object_is_looked_into_when_its_fields_are_requested() {
        assert_eq!(
            read(r#"{"attributes":{"style":"a\"b"},"vendor":{"name":true},"other":{"x":1}}"#),
            [
                ("attributes.style".to_owned(), scalar("a\"b")),
                ("vendor.name".to_owned(), scalar("true")),
                ("other".to_owned(), Value::Other),
            ]
        );
    }

    #[test]
    fn null_is_empty_and_a_list_of_scalars_is_a_list() {
        assert_eq!(
            read(r#"{"brand":null,"image":["a","b"],"deep":[[1]]}"#),
            [
                ("brand".to_owned(), scalar("")),
                ("image".to_owned(), Value::List(vec!["a".into(), "b".into()])),
                ("deep".to_owned(), Value::Other),
            ]
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for line in ["[]", "1", "{", "{\"a\":}", "{} x", "null"] {
            assert!(columns(line, &Mapping::default()).is_err(), "{line}");
        }
    }
}

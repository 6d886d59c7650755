//! Structured fields (RFC 9651): the library that reads and prints them, against the working
//! group's own vectors, and what this crate prints by hand, against the library.

use std::fs;
use std::path::{Path, PathBuf};

use edge_core::CacheStatus;
use edge_core::cache_status::{Detail, Forward, Forwarded};
use serde_json::{Value, json};
use sfv::{
    BareItem, Date, Decimal, Dictionary, FieldType as _, InnerList, Integer, Item, Key, List,
    ListEntry, Parameters, Parser, Token,
};

#[test]
fn every_vector_is_read_as_the_working_group_says() {
    let mut tried = 0;

    for (name, vector) in vectors("") {
        let lines: Vec<_> =
            vector["raw"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let read = read(&vector["header_type"], &lines.join(", "));
        tried += 1;

        match read {
            Err(error) => assert!(may_fail(&vector), "{name}: {error}"),
            Ok((value, printed)) => {
                assert!(vector["must_fail"] != json!(true), "{name} was read as {value}");
                assert!(same(&value, &vector["expected"]), "{name}: {value}");
                let canonical = vector.get("canonical").unwrap_or(&vector["raw"]);
                let canonical: Vec<_> = canonical.as_array().unwrap().iter().collect();
                let printed: Vec<_> = printed.iter().map(|line| json!(line)).collect();
                assert!(printed.iter().eq(canonical), "{name}: {printed:?}");
            }
        }
    }
    assert!(tried > 1_500 || tried == 0, "{tried}");
}

#[test]
fn what_can_not_be_said_is_not_printed() {
    let mut tried = 0;

    for (name, vector) in vectors("serialisation-tests") {
        let printed = printed(&vector["header_type"], &vector["expected"]);
        tried += 1;

        match printed {
            None => assert!(vector["must_fail"] == json!(true), "{name}"),
            Some(printed) => {
                assert!(vector["must_fail"] != json!(true), "{name} was printed as {printed}");
                assert_eq!(json!([printed]), vector["canonical"], "{name}");
            }
        }
    }
    assert!(tried > 500 || tried == 0, "{tried}");
}

#[test]
fn every_cache_status_is_a_list_of_one() {
    let whys = [
        Forward::Bypass,
        Forward::Method,
        Forward::UriMiss,
        Forward::VaryMiss,
        Forward::Miss,
        Forward::Stale,
        Forward::Request,
    ];
    let mut statuses = vec![
        CacheStatus::Refused,
        CacheStatus::Hit { ttl: -3, detail: Some(Detail::Revalidating) },
        CacheStatus::Hit { ttl: i64::from(u32::MAX), detail: None },
    ];
    for why in whys {
        statuses.push(CacheStatus::Forwarded(Forwarded {
            why,
            status: Some(304),
            stored: true,
            collapsed: true,
            detail: Some(Detail::StaleIfError),
        }));
    }

    for status in statuses.iter().map(CacheStatus::to_string) {
        let list: List = Parser::new(&status).parse().unwrap();

        assert_eq!(list.len(), 1, "{status}");
        // The standard's own examples have a blank where the canonical form has none.
        assert_eq!(list.serialize().unwrap(), status.replace("; ", ";"));
    }
}

/// Each with the file and the name that it has; none, and loudly, when they are not there.
fn vectors(folder: &str) -> Vec<(String, Value)> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("SHOP_SHARED").map_or(beside, PathBuf::from);
    let folder = shared.join("specs/structured-field-tests").join(folder);
    let Ok(files) = fs::read_dir(&folder) else {
        eprintln!("SKIPPED: {} is absent, set SHOP_SHARED", folder.display());
        return Vec::new();
    };
    let mut vectors = Vec::new();

    for path in files.map(|file| file.expect("a vector as the working group writes it").path()) {
        if path.extension().is_some_and(|extension| extension == "json") {
            let all: Vec<Value> = serde_json::from_slice(
                &fs::read(&path).expect("a vector as the working group writes it"),
            )
            .expect("a vector as the working group writes it");
            let name = |vector: &Value| format!("{}: {}", path.display(), vector["name"]);
            vectors.extend(all.into_iter().map(|vector| (name(&vector), vector)));
        }
    }
    vectors
}

fn may_fail(vector: &Value) -> bool {
    vector["must_fail"] == json!(true) || vector["can_fail"] == json!(true)
}

/// As the vectors write values, and the lines that it is printed as: none for what is empty.
fn read(kind: &Value, text: &str) -> Result<(Value, Vec<String>), sfv::Error> {
    let parser = Parser::new(text);

    Ok(match kind.as_str() {
        Some("item") => {
            let item: Item = parser.parse()?;
            (of_item(&item), vec![item.serialize()])
        }
        Some("list") => {
            let list: List = parser.parse()?;
            (list.iter().map(of_entry).collect(), list.serialize().into_iter().collect())
        }
        _ => {
            let dictionary: Dictionary = parser.parse()?;
            let members =
                dictionary.iter().map(|(key, entry)| json!([key.as_str(), of_entry(entry)]));
            (members.collect(), dictionary.serialize().into_iter().collect())
        }
    })
}

fn of_entry(entry: &ListEntry) -> Value {
    match entry {
        ListEntry::Item(item) => of_item(item),
        ListEntry::InnerList(list) => {
            let items: Vec<_> = list.items.iter().map(of_item).collect();
            json!([items, of_parameters(&list.params)])
        }
    }
}

fn of_item(item: &Item) -> Value {
    json!([of_bare(&item.bare_item), of_parameters(&item.params)])
}

fn of_parameters(parameters: &Parameters) -> Value {
    parameters.iter().map(|(key, value)| json!([key.as_str(), of_bare(value)])).collect()
}

fn of_bare(bare: &BareItem) -> Value {
    let typed = |kind: &str, value: Value| json!({ "__type": kind, "value": value });

    match bare {
        BareItem::Integer(integer) => json!(i64::from(*integer)),
        BareItem::Decimal(decimal) => serde_json::from_str(&decimal.to_string())
            .expect("a vector as the working group writes it"),
        BareItem::String(text) => json!(text.as_str()),
        BareItem::Boolean(switch) => json!(switch),
        BareItem::Token(token) => typed("token", json!(token.as_str())),
        BareItem::ByteSequence(bytes) => typed("binary", json!(base32(bytes))),
        BareItem::Date(date) => typed("date", json!(i64::from(date.unix_seconds()))),
        BareItem::DisplayString(text) => typed("displaystring", json!(text)),
    }
}

/// Numbers by their value: the vectors write 2 where a decimal says 2.0.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => ours.as_f64() == theirs.as_f64(),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(one, other)| same(one, other))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours["__type"] == theirs["__type"] && same(&ours["value"], &theirs["value"])
        }
        _ => ours == theirs,
    }
}

/// Bytes are written in base 32 in the vectors (RFC 4648 §6).
fn base32(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();

    for chunk in bytes.chunks(5) {
        let block = chunk.iter().fold(0_u64, |block, byte| block << 8 | u64::from(*byte));
        let block = block << (8 * (5 - chunk.len()));
        let digits = (chunk.len() * 8).div_ceil(5);
        for at in 0..8 {
            let digit = DIGITS[(block >> (35 - 5 * at) & 31) as usize];
            text.push(if at < digits { digit.into() } else { '=' });
        }
    }
    text
}

/// `None` where no field can say it.
fn printed(kind: &Value, value: &Value) -> Option<String> {
    match kind.as_str()? {
        "item" => Some(to_item(value)?.serialize()),
        "list" => value.as_array()?.iter().map(to_entry).collect::<Option<List>>()?.serialize(),
        _ => {
            let members = value.as_array()?.iter().map(|member| {
                let key = Key::from_string(member[0].as_str()?.to_owned()).ok()?;
                Some((key, to_entry(&member[1])?))
            });
            members.collect::<Option<Dictionary>>()?.serialize()
        }
    }
}

fn to_entry(value: &Value) -> Option<ListEntry> {
    let Some(items) = value[0].as_array() else { return to_item(value).map(ListEntry::Item) };
    let items = items.iter().map(to_item).collect::<Option<Vec<_>>>()?;

    Some(ListEntry::InnerList(InnerList::with_params(items, to_parameters(&value[1])?)))
}

fn to_item(value: &Value) -> Option<Item> {
    Some(Item::with_params(to_bare(&value[0])?, to_parameters(&value[1])?))
}

fn to_parameters(value: &Value) -> Option<Parameters> {
    let parameters = value.as_array()?.iter().map(|parameter| {
        let key = Key::from_string(parameter[0].as_str()?.to_owned()).ok()?;
        Some((key, to_bare(&parameter[1])?))
    });

    parameters.collect()
}

fn to_bare(value: &Value) -> Option<BareItem> {
    let text = value["value"].as_str();

    match (value, value["__type"].as_str()) {
        (Value::Bool(switch), _) => Some((*switch).into()),
        (Value::String(text), _) => Some(sfv::String::from_string(text.clone()).ok()?.into()),
        (Value::Number(number), _) => match number.as_i64() {
            Some(integer) => Some(Integer::try_from(integer).ok()?.into()),
            None => Some(Decimal::try_from(number.as_f64()?).ok()?.into()),
        },
        (_, Some("token")) => Some(Token::from_string(text?.to_owned()).ok()?.into()),
        (_, Some("date")) => {
            let seconds = Integer::try_from(value["value"].as_i64()?).ok()?;
            Some(Date::from_unix_seconds(seconds).into())
        }
        _ => None,
    }
}

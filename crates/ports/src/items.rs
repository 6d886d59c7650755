//! The Items port: DynamoDB's model, of which SQLite is the small edition.

use std::borrow::Cow;

use async_trait::async_trait;
pub use serde_json::Value;

use crate::{PortError, PortErrorKind, Table, TransactError, Transaction};

/// DynamoDB's bounds, the same on every engine: of a batch (BatchGetItem), of a page here, of the
/// keys in bytes, of the levels of lists and maps in an item, and of the bytes of an item and of all
/// items that one transaction writes ("Quotas in Amazon DynamoDB").
pub const BATCH_MAX: usize = 100;
pub const PAGE_MAX: u32 = 1_000;
pub const PARTITION_KEY_BYTES_MAX: usize = 2_048;
pub const SORT_KEY_BYTES_MAX: usize = 1_024;
pub const DEPTH_MAX: usize = 32;
pub const ITEM_BYTES_MAX: usize = 400 * 1_024;
pub const TRANSACTION_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// Items in tables, each under a partition key and a sort key.
///
/// `get`, `batch_get`, `scan` and `query` without an index see every transaction that was committed
/// before they began; an index may lag.
#[async_trait]
pub trait Items: Send + Sync + 'static {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError>;

    /// Up to 100 keys, each once; answers in their order.
    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError>;

    /// One page of one partition, in the order of the sort key's bytes.
    async fn query(&self, query: &Query) -> Result<Page, PortError>;

    /// One page of a whole table, in an order of the adapter's own that a walk can rely on.
    async fn scan(&self, scan: &Scan) -> Result<Page, PortError>;

    /// Whether transactions that one caller has begun to await together, in one task, run in the
    /// order in which it did. Where they do, a chain of them, each of which expects what the one
    /// before it leaves, needs no answer in between.
    fn runs_in_order(&self) -> bool {
        false
    }

    /// Whether a reader that sees one item of a transaction sees all of them from then on. Where
    /// not, the others may be some milliseconds late.
    fn shows_transactions_whole(&self) -> bool {
        false
    }

    /// All actions, or none of them. The same token with the same actions within ten minutes
    /// succeeds again without effect; with other actions it is refused.
    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError>;
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub table: Table,
    pub pk: String,
    pub sk: String,
}

/// An item without its keys: strings, integers, booleans, null, lists and maps. Never a float.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(pub serde_json::Map<String, Value>);

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub key: Key,
    pub attributes: Attributes,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub table: Table,
    /// The name of an index, or the table itself.
    pub index: Option<&'static str>,
    pub partition: String,
    pub sort: SortRange,
    pub direction: Direction,
    /// Rows on a page, 1 to 1,000; an adapter may return fewer and a token.
    pub limit: u32,
    pub after: Option<PageToken>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SortRange {
    #[default]
    All,
    Prefix(String),
    /// Both ends inclusive.
    Between(String, String),
    /// Inclusive.
    From(String),
    /// Exclusive.
    After(String),
    /// Exclusive.
    Before(String),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    #[default]
    Ascending,
    Descending,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    pub table: Table,
    /// Only partitions whose key begins so.
    pub partition_prefix: String,
    pub limit: u32,
    pub after: Option<PageToken>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub rows: Vec<Row>,
    /// There may be more after this; `None` at the end.
    pub next: Option<PageToken>,
}

/// The last row of a page: its key, and its key in the index that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct PageToken {
    pub pk: String,
    pub sk: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<(String, String)>,
}

impl Key {
    pub fn new(table: Table, pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { table, pk: pk.into(), sk: sk.into() }
    }

    /// `Invalid` unless both parts are there and within DynamoDB's bounds.
    pub fn validate(&self) -> Result<(), PortError> {
        let legal = (1..=PARTITION_KEY_BYTES_MAX).contains(&self.pk.len())
            && (1..=SORT_KEY_BYTES_MAX).contains(&self.sk.len());

        if legal { Ok(()) } else { Err(invalid("a key is empty or too long")) }
    }

    /// The rules of `batch_get`: up to 100 keys, each once.
    pub fn validate_batch(keys: &[Self]) -> Result<(), PortError> {
        let mut sorted: Vec<&Self> = keys.iter().collect();
        sorted.sort_unstable();

        if keys.len() > BATCH_MAX {
            return Err(invalid("a batch has at most 100 keys"));
        }
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(invalid("a batch names a key twice"));
        }
        keys.iter().try_for_each(Self::validate)
    }
}

impl Attributes {
    /// The attributes of a record; `Invalid` if it is no map or holds what no engine can keep.
    pub fn of(record: &impl serde::Serialize) -> Result<Self, PortError> {
        match serde_json::to_value(record).map_err(|error| invalid(error.to_string()))? {
            Value::Object(map) => {
                map.iter().try_for_each(|(name, value)| validate_attribute(name, value))?;
                Ok(Self(map))
            }
            _ => Err(invalid("an item is a map")),
        }
    }

    /// The record that these attributes are; `Corrupt` if they are not.
    pub fn parse<T: serde::de::DeserializeOwned>(self, what: &'static str) -> Result<T, PortError> {
        serde_json::from_value(Value::Object(self.0))
            .map_err(|error| PortError::new(PortErrorKind::Corrupt, what).because(error))
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }
}

impl Query {
    pub fn partition(table: Table, partition: impl Into<String>) -> Self {
        Self {
            table,
            index: None,
            partition: partition.into(),
            sort: SortRange::All,
            direction: Direction::Ascending,
            limit: 1_000,
            after: None,
        }
    }

    #[must_use]
    pub fn sorted(mut self, sort: SortRange) -> Self {
        self.sort = sort;
        self
    }

    #[must_use]
    pub fn descending(mut self) -> Self {
        self.direction = Direction::Descending;
        self
    }

    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    #[must_use]
    pub fn after(mut self, after: Option<PageToken>) -> Self {
        self.after = after;
        self
    }

    #[must_use]
    pub fn index(mut self, index: &'static str) -> Self {
        self.index = Some(index);
        self
    }

    /// `Invalid` unless it names a partition and asks for 1 to 1,000 rows.
    pub fn validate(&self) -> Result<(), PortError> {
        if self.partition.is_empty() {
            return Err(invalid("a query names a partition"));
        }
        validate_limit(self.limit)
    }
}

impl Scan {
    /// `Invalid` unless it asks for 1 to 1,000 rows.
    pub fn validate(&self) -> Result<(), PortError> {
        validate_limit(self.limit)
    }
}

/// Whether every engine can keep this: a name that is not empty and not that of a key, no float,
/// nothing nested deeper than DynamoDB allows.
pub(crate) fn validate_attribute(name: &str, value: &Value) -> Result<(), PortError> {
    if name.is_empty() || name == "pk" || name == "sk" {
        return Err(invalid("an attribute is named as a key, or has no name"));
    }
    validate_value(value, DEPTH_MAX - 1)
}

fn validate_value(value: &Value, levels_left: usize) -> Result<(), PortError> {
    match value {
        Value::Number(number) if !number.is_i64() => Err(invalid("an item can't hold a float")),
        Value::Array(_) | Value::Object(_) if levels_left == 0 => {
            Err(invalid("an item is nested deeper than 32 levels"))
        }
        Value::Array(values) => {
            values.iter().try_for_each(|value| validate_value(value, levels_left - 1))
        }
        Value::Object(map) => {
            map.values().try_for_each(|value| validate_value(value, levels_left - 1))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn validate_limit(limit: u32) -> Result<(), PortError> {
    let legal = (1..=PAGE_MAX).contains(&limit);

    if legal { Ok(()) } else { Err(invalid("a page has 1 to 1,000 rows")) }
}

fn invalid(why: impl Into<Cow<'static, str>>) -> PortError {
    PortError::new(PortErrorKind::Invalid, why)
}

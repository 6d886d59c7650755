//! Tables and indexes as data: read by SQLite, by the tables of the tests and by the templates
//! for DynamoDB.

/// Six tables, by how long their items live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    Catalog,
    Inventory,
    Commerce,
    Outbox,
    Ephemeral,
    RateLimits,
}

/// Every table has the string keys `pk` and `sk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDefinition {
    pub table: Table,
    pub indexes: &'static [IndexDefinition],
    /// The attribute, in seconds since 1970, after which an item may be deleted. Deletion is lazy:
    /// readers compare the time.
    pub ttl: Option<&'static str>,
}

/// A sparse index: holds the items that have both attributes. Where one of them is there, it must be
/// a text of 1 to 1,024 bytes, as DynamoDB demands: null or an empty text is `Invalid`, so leave an
/// attribute out to keep its item out of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexDefinition {
    pub name: &'static str,
    pub partition: &'static str,
    pub sort: &'static str,
}

impl Table {
    pub const ALL: [Self; 6] = [
        Self::Catalog,
        Self::Inventory,
        Self::Commerce,
        Self::Outbox,
        Self::Ephemeral,
        Self::RateLimits,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Inventory => "inventory",
            Self::Commerce => "commerce",
            Self::Outbox => "outbox",
            Self::Ephemeral => "ephemeral",
            Self::RateLimits => "rate_limits",
        }
    }
}

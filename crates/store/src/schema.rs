//! The six tables and their indexes, as data.

use ports::{Table, TableDefinition};

/// The attribute after which an item may be deleted, in seconds since 1970.
pub const TTL: &str = "expires_at";

pub const TABLES: &[TableDefinition] = &[
    // The change log's rows expire; products never carry the attribute.
    TableDefinition { table: Table::Catalog, indexes: &[], ttl: Some(TTL) },
    TableDefinition { table: Table::Inventory, indexes: &[], ttl: None },
    TableDefinition { table: Table::Commerce, indexes: &[], ttl: None },
    TableDefinition { table: Table::Outbox, indexes: &[], ttl: Some(TTL) },
    TableDefinition { table: Table::Ephemeral, indexes: &[], ttl: Some(TTL) },
    TableDefinition { table: Table::RateLimits, indexes: &[], ttl: Some(TTL) },
];

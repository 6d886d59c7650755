//! The SQL statements that create, read and write one table and its indexes.

use ports::{IndexDefinition, PortError, TableDefinition};

use crate::sqlite::error::invalid;

/// One table and its statements.
pub(crate) struct TableSql {
    pub definition: &'static TableDefinition,
    pub get: String,
    pub put: String,
    pub delete: String,
    pub scan: String,
    /// Partition, from (inclusive), to (exclusive), limit.
    pub ascending: String,
    pub descending: String,
    pub indexes: Vec<IndexSql>,
    pub sweep: Option<String>,
    pub create: String,
    /// Name and statement.
    pub create_indexes: Vec<(String, String)>,
}

pub(crate) struct IndexSql {
    pub definition: &'static IndexDefinition,
    pub ascending: PagesSql,
    pub descending: PagesSql,
}

/// The two parts of a page of an index: first the rows that share the sort attribute of the previous
/// page's last row and come after it, then the range that follows.
pub(crate) struct PagesSql {
    /// Partition, sort attribute, pk, sk, limit.
    pub ties: String,
    /// Partition, from (inclusive), to (exclusive), limit.
    pub range: String,
}

impl TableSql {
    pub(crate) fn of(definition: &'static TableDefinition) -> Result<Self, PortError> {
        let name = definition.table.name();
        let indexes: Result<Vec<IndexSql>, PortError> =
            definition.indexes.iter().map(|index| IndexSql::of(name, index)).collect();
        let mut create_indexes: Vec<(String, String)> =
            definition.indexes.iter().map(|index| index_of(name, index)).collect();
        let mut sweep = None;
        if let Some(ttl) = definition.ttl {
            let ttl = attribute(ttl)?;
            create_indexes.push((
                format!("{name}_ttl"),
                format!("CREATE INDEX {name}_ttl ON {name} ({ttl}) WHERE {ttl} IS NOT NULL"),
            ));
            sweep = Some(format!(
                "DELETE FROM {name} WHERE (pk, sk) IN (SELECT pk, sk FROM {name} \
                 INDEXED BY {name}_ttl WHERE {ttl} IS NOT NULL AND {ttl} < ?1 LIMIT ?2)"
            ));
        }
        let range = format!(
            "SELECT pk, sk, attributes FROM {name} WHERE pk = ?1 AND sk >= ?2 AND sk < ?3 ORDER BY"
        );

        Ok(Self {
            definition,
            get: format!("SELECT attributes FROM {name} WHERE pk = ?1 AND sk = ?2"),
            put: format!(
                "INSERT INTO {name} (pk, sk, attributes) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (pk, sk) DO UPDATE SET attributes = excluded.attributes"
            ),
            delete: format!("DELETE FROM {name} WHERE pk = ?1 AND sk = ?2"),
            scan: format!(
                "SELECT pk, sk, attributes FROM {name} \
                 WHERE (pk, sk) > (?1, ?2) AND pk < ?3 ORDER BY pk, sk LIMIT ?4"
            ),
            ascending: format!("{range} sk LIMIT ?4"),
            descending: format!("{range} sk DESC LIMIT ?4"),
            indexes: indexes?,
            sweep,
            create: format!(
                "CREATE TABLE IF NOT EXISTS {name} (\
                 pk TEXT NOT NULL, sk TEXT NOT NULL, attributes TEXT NOT NULL, \
                 PRIMARY KEY (pk, sk)) WITHOUT ROWID, STRICT"
            ),
            create_indexes,
        })
    }

    pub(crate) fn index(&self, name: &str) -> Result<&IndexSql, PortError> {
        self.indexes.iter().find(|index| index.definition.name == name).ok_or_else(|| {
            invalid(format!("the table {} has no index {name}", self.definition.table.name()))
        })
    }
}

impl IndexSql {
    fn of(table: &str, definition: &'static IndexDefinition) -> Result<Self, PortError> {
        attribute(definition.name)?;
        attribute(definition.partition)?;
        attribute(definition.sort)?;

        Ok(Self {
            definition,
            ascending: PagesSql::of(table, definition, ">", ""),
            descending: PagesSql::of(table, definition, "<", " DESC"),
        })
    }
}

impl PagesSql {
    fn of(table: &str, definition: &IndexDefinition, beyond: &str, order: &str) -> Self {
        let (partition, sort) = (extract(definition.partition), extract(definition.sort));
        // SQLite uses a partial index only if the query repeats the index's condition.
        let select = format!(
            "SELECT pk, sk, attributes FROM {table} INDEXED BY {table}_{} \
             WHERE {partition} IS NOT NULL AND {sort} IS NOT NULL AND {partition} = ?1",
            definition.name
        );

        Self {
            ties: format!(
                "{select} AND {sort} = ?2 AND (pk, sk) {beyond} (?3, ?4) \
                 ORDER BY pk{order}, sk{order} LIMIT ?5"
            ),
            range: format!(
                "{select} AND {sort} >= ?2 AND {sort} < ?3 \
                 ORDER BY {sort}{order}, pk{order}, sk{order} LIMIT ?4"
            ),
        }
    }
}

fn index_of(table: &str, definition: &IndexDefinition) -> (String, String) {
    let (partition, sort) = (extract(definition.partition), extract(definition.sort));
    let name = format!("{table}_{}", definition.name);
    let sql = format!(
        "CREATE INDEX {name} ON {table} ({partition}, {sort}, pk, sk) \
         WHERE {partition} IS NOT NULL AND {sort} IS NOT NULL"
    );

    (name, sql)
}

/// The expression for an attribute. Its name becomes part of statements, so it must need no escaping.
fn attribute(name: &str) -> Result<String, PortError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';

    if name.is_empty() || !name.bytes().all(plain) {
        return Err(invalid(format!("{name:?} is not a valid name of an index or attribute")));
    }
    Ok(extract(name))
}

fn extract(name: &str) -> String {
    format!("attributes ->> '$.{name}'")
}

//! The tables and indexes that are created when the file is opened.
//!
//! An item is a row of its table: the keys, and its attributes as JSON. Indexes are SQLite's own, on
//! expressions over the attributes, so no build and no crash can leave one behind its table.

use ports::{PortError, Table, TableDefinition};
use rusqlite::{Connection, OptionalExtension, params};

use super::statements::TableSql;
use crate::sqlite::error::invalid;

const TOKENS: &str = "CREATE TABLE IF NOT EXISTS tokens (\
     token TEXT NOT NULL PRIMARY KEY, actions BLOB NOT NULL, used_at INTEGER NOT NULL\
     ) WITHOUT ROWID, STRICT;
     CREATE INDEX IF NOT EXISTS tokens_by_time ON tokens (used_at)";

pub(crate) struct Schema {
    /// Indexed by the table's discriminant.
    tables: [Option<TableSql>; Table::ALL.len()],
}

impl Schema {
    pub(crate) fn of(definitions: &'static [TableDefinition]) -> Result<Self, PortError> {
        let mut tables = [const { None }; Table::ALL.len()];

        for definition in definitions {
            let slot = &mut tables[definition.table as usize];
            if slot.replace(TableSql::of(definition)?).is_some() {
                return Err(invalid(format!("{} is defined twice", definition.table.name())));
            }
        }
        Ok(Self { tables })
    }

    pub(crate) fn table(&self, table: Table) -> Result<&TableSql, PortError> {
        self.tables[table as usize]
            .as_ref()
            .ok_or_else(|| invalid(format!("the table {} is not defined", table.name())))
    }

    /// The tables whose items have a time to live.
    pub(crate) fn expiring(&self) -> impl Iterator<Item = Table> {
        let tables = self.tables.iter().flatten();

        tables.filter(|table| table.sweep.is_some()).map(|table| table.definition.table)
    }

    /// Creates what is missing, within the caller's transaction.
    pub(crate) fn create_tables(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.execute_batch(TOKENS)?;
        for table in self.tables.iter().flatten() {
            connection.execute_batch(&table.create)?;
            for (name, sql) in &table.create_indexes {
                create_index(connection, name, sql)?;
            }
        }
        Ok(())
    }
}

/// Creates an index; rebuilds it if its definition has changed.
fn create_index(connection: &Connection, name: &str, sql: &str) -> rusqlite::Result<()> {
    let known: Option<String> = connection
        .prepare("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?1")?
        .query_row(params![name], |row| row.get(0))
        .optional()?;

    match known {
        Some(known) if known == sql => Ok(()),
        Some(_) => connection.execute_batch(&format!("DROP INDEX {name}; {sql}")),
        None => connection.execute_batch(sql),
    }
}

#[cfg(test)]
mod tests {
    use ports::contract::TABLES;

    use super::*;

    fn plan(connection: &Connection, sql: &str) -> String {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = vec!["x"; explain.parameter_count()];
        let steps = explain.query_map(rusqlite::params_from_iter(parameters), |row| row.get(3));

        steps.unwrap().collect::<Result<Vec<String>, _>>().unwrap().join("; ")
    }

    #[test]
    fn every_read_is_a_search_in_order() {
        let connection = Connection::open_in_memory().unwrap();
        let schema = Schema::of(TABLES).unwrap();
        schema.create_tables(&connection).unwrap();

        for table in schema.tables.iter().flatten() {
            let pages =
                table.indexes.iter().flat_map(|index| [&index.ascending, &index.descending]);
            let statements = [&table.get, &table.scan, &table.ascending, &table.descending]
                .into_iter()
                .chain(pages.flat_map(|pages| [&pages.ties, &pages.range]))
                .chain(&table.sweep);

            for sql in statements {
                let plan = plan(&connection, sql);

                assert!(plan.contains("SEARCH"), "{sql}\n{plan}");
                assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{sql}\n{plan}");
            }
        }
    }

    #[test]
    fn a_page_of_an_index_is_bounded_by_partition_and_sort_attribute() {
        let connection = Connection::open_in_memory().unwrap();
        let schema = Schema::of(TABLES).unwrap();
        schema.create_tables(&connection).unwrap();

        let index = &schema.table(Table::Catalog).unwrap().indexes[0];

        let range = plan(&connection, &index.ascending.range);
        let ties = plan(&connection, &index.descending.ties);
        assert!(range.ends_with("(<expr>=? AND <expr>>? AND <expr><?)"), "{range}");
        assert!(ties.ends_with("(<expr>=? AND <expr>=? AND (pk,sk)<(?,?))"), "{ties}");
    }
}

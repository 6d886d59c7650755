//! Reads on one connection: items by key, and pages of a partition, an index or a table.

use ports::{
    Attributes, Direction, Key, Page, PageToken, PortError, PortErrorKind, Query, Row, Scan, Table,
};
use rusqlite::{Connection, OptionalExtension, Rows, params};

use super::range::{self, Bounds};
use super::schema::Schema;
use super::statements::{IndexSql, TableSql};
use crate::sqlite::error::{self, invalid};

/// A page ends early at this size, as DynamoDB's does, which bounds the memory that one page takes.
const PAGE_BYTES_MAX: usize = 1_024 * 1_024;

pub(crate) fn get(
    connection: &Connection,
    schema: &Schema,
    key: &Key,
) -> Result<Option<Attributes>, PortError> {
    let text = find(connection, schema.table(key.table)?, key)?;

    text.as_deref().map(parse).transpose()
}

pub(crate) fn batch(
    connection: &Connection,
    schema: &Schema,
    keys: &[Key],
) -> Result<Vec<Option<Attributes>>, PortError> {
    // One snapshot for all of them, taken once.
    let failed = error::sqlite("read a batch");
    let snapshot = connection.unchecked_transaction().map_err(&failed)?;

    let found = keys.iter().map(|key| get(&snapshot, schema, key)).collect();
    snapshot.finish().map_err(&failed)?;
    found
}

pub(crate) fn query(
    connection: &Connection,
    schema: &Schema,
    query: &Query,
) -> Result<Page, PortError> {
    let table = schema.table(query.table)?;

    match query.index {
        None => query_table(connection, table, query),
        Some(name) => query_index(connection, table.index(name)?, query),
    }
}

pub(crate) fn scan(
    connection: &Connection,
    schema: &Schema,
    scan: &Scan,
) -> Result<Page, PortError> {
    let failed = error::sqlite("scan");
    let table = schema.table(scan.table)?;
    let end = range::end_of_prefix(&scan.partition_prefix);
    // No sort key is empty, so this is where the first partition begins.
    let mut after = (scan.partition_prefix.as_str(), "");
    if let Some(token) = &scan.after {
        if token.index.is_some() || !token.pk.starts_with(&scan.partition_prefix) {
            return Err(invalid("the page token belongs to another scan"));
        }
        after = (&token.pk, &token.sk);
    }

    let mut statement = connection.prepare_cached(&table.scan).map_err(&failed)?;
    let limit = one_more(scan.limit);
    let rows = statement.query(params![after.0, after.1, range::end(end.as_deref()), limit]);
    let mut found = PageRows::new(scan.table, scan.limit);
    found.read(rows.map_err(&failed)?)?;
    Ok(found.page(|row| PageToken { pk: row.key.pk.clone(), sk: row.key.sk.clone(), index: None }))
}

/// The attributes of an item as JSON text.
pub(crate) fn find(
    connection: &Connection,
    table: &TableSql,
    key: &Key,
) -> Result<Option<String>, PortError> {
    let mut statement = connection.prepare_cached(&table.get).map_err(error::sqlite("get"))?;

    statement
        .query_row(params![key.pk, key.sk], |row| row.get(0))
        .optional()
        .map_err(error::sqlite("get"))
}

pub(crate) fn parse(text: &str) -> Result<Attributes, PortError> {
    serde_json::from_str(text)
        .map(Attributes)
        .map_err(|error| PortError::new(PortErrorKind::Corrupt, "read an item").because(error))
}

fn query_table(
    connection: &Connection,
    table: &TableSql,
    query: &Query,
) -> Result<Page, PortError> {
    let failed = error::sqlite("query");
    let sql = match query.direction {
        Direction::Ascending => &table.ascending,
        Direction::Descending => &table.descending,
    };
    let mut bounds = Bounds::of(&query.sort);
    if let Some(token) = &query.after {
        let belongs = token.index.is_none() && token.pk == query.partition;
        if !belongs || !bounds.contains(&token.sk) {
            return Err(invalid("the page token belongs to another query"));
        }
        bounds = bounds.after(&token.sk, query.direction);
    }

    let mut statement = connection.prepare_cached(sql).map_err(&failed)?;
    let limit = one_more(query.limit);
    let rows = statement.query(params![query.partition, bounds.from, bounds.end(), limit]);
    let mut found = PageRows::new(query.table, query.limit);
    found.read(rows.map_err(&failed)?)?;
    Ok(found.page(|row| PageToken { pk: row.key.pk.clone(), sk: row.key.sk.clone(), index: None }))
}

fn query_index(
    connection: &Connection,
    index: &IndexSql,
    query: &Query,
) -> Result<Page, PortError> {
    let failed = error::sqlite("query an index");
    let sql = match query.direction {
        Direction::Ascending => &index.ascending,
        Direction::Descending => &index.descending,
    };
    let mut bounds = Bounds::of(&query.sort);
    let mut found = PageRows::new(query.table, query.limit);
    let limit = one_more(query.limit);
    // One snapshot for both parts: an item that moves between them must not appear twice.
    let snapshot = connection.unchecked_transaction().map_err(&failed)?;

    if let Some(token) = &query.after {
        let Some(sort) = last_sort_key(token, query).filter(|sort| bounds.contains(sort)) else {
            return Err(invalid("the page token belongs to another query"));
        };
        let mut statement = snapshot.prepare_cached(&sql.ties).map_err(&failed)?;
        let rows = statement.query(params![query.partition, sort, token.pk, token.sk, limit]);
        found.read(rows.map_err(&failed)?)?;
        bounds = bounds.after(sort, query.direction);
    }
    if !found.has_more {
        let mut statement = snapshot.prepare_cached(&sql.range).map_err(&failed)?;
        let rows = statement.query(params![query.partition, bounds.from, bounds.end(), limit]);
        found.read(rows.map_err(&failed)?)?;
    }
    snapshot.finish().map_err(&failed)?;

    Ok(found.page(|row| {
        let sort = row.attributes.text(index.definition.sort).unwrap_or_default();
        let index = Some((query.partition.clone(), sort.to_owned()));
        PageToken { pk: row.key.pk.clone(), sk: row.key.sk.clone(), index }
    }))
}

/// The sort attribute of the last row of the previous page, if the token is of this partition.
fn last_sort_key<'a>(token: &'a PageToken, query: &Query) -> Option<&'a str> {
    let (partition, sort) = token.index.as_ref()?;

    (*partition == query.partition).then_some(sort)
}

/// One row more than asked for tells whether there is a next page.
const fn one_more(limit: u32) -> i64 {
    limit as i64 + 1
}

/// The rows of a page while they are read.
struct PageRows {
    table: Table,
    limit: usize,
    rows: Vec<Row>,
    bytes: usize,
    has_more: bool,
}

impl PageRows {
    fn new(table: Table, limit: u32) -> Self {
        Self { table, limit: limit as usize, rows: Vec::new(), bytes: 0, has_more: false }
    }

    fn read(&mut self, mut rows: Rows<'_>) -> Result<(), PortError> {
        let failed = error::sqlite("read a row");

        while let Some(row) = rows.next().map_err(&failed)? {
            if self.rows.len() == self.limit || self.bytes >= PAGE_BYTES_MAX {
                self.has_more = true;
                return Ok(());
            }
            let (pk, sk) = row.get(0).and_then(|pk| Ok((pk, row.get(1)?))).map_err(&failed)?;
            let text = row.get_ref(2).and_then(|text| Ok(text.as_str()?)).map_err(&failed)?;
            self.bytes += text.len();
            let key = Key { table: self.table, pk, sk };
            self.rows.push(Row { key, attributes: parse(text)? });
        }
        Ok(())
    }

    fn page(self, token: impl Fn(&Row) -> PageToken) -> Page {
        let next = self.rows.last().filter(|_| self.has_more).map(token);

        Page { rows: self.rows, next }
    }
}

//! Pages of a partition, of an index and of a whole table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ports::{Direction, PAGE_MAX, Page, PageToken, PortError, Query, Row, Scan, Table};

use super::attribute::{self, Item};
use super::expression::{self, Placeholders, TABLE_KEYS};
use super::{DynamoItems, failure};
use crate::invalid;

pub(super) async fn query(items: &DynamoItems, query: &Query) -> Result<Page, PortError> {
    query.validate()?;
    let keys = keys_of(items, query.table, query.index)?;
    let start = query.after.as_ref().map(|token| start_key(token, query.index.map(|_| keys)));
    let mut placeholders = Placeholders::default();
    let Some(condition) =
        expression::key_condition(keys, &query.partition, &query.sort, &mut placeholders)
    else {
        return Ok(Page::default());
    };
    let (names, values) = placeholders.into_maps();

    let answer = items
        .client
        .query()
        .table_name(items.table_name(query.table))
        .set_index_name(query.index.map(str::to_owned))
        // DynamoDB can't read an index consistently.
        .consistent_read(query.index.is_none())
        .key_condition_expression(condition)
        .set_expression_attribute_names(names)
        .set_expression_attribute_values(values)
        .scan_index_forward(query.direction == Direction::Ascending)
        .limit(page_size(query.limit))
        .set_exclusive_start_key(start.transpose()?)
        .send()
        .await
        .map_err(|error| failure::of("Query", &error))?;

    Ok(Page {
        rows: rows(query.table, answer.items)?,
        next: answer
            .last_evaluated_key
            .map(|last| token(last, query.index.map(|_| keys)))
            .transpose()?,
    })
}

/// DynamoDB applies its limit before it filters. With a prefix each request therefore reads a full
/// page of items, however few the caller wants; what exceeds the limit is read again by the next page.
pub(super) async fn scan(items: &DynamoItems, scan: &Scan) -> Result<Page, PortError> {
    scan.validate()?;
    let start = scan.after.as_ref().map(|token| start_key(token, None)).transpose()?;
    let mut placeholders = Placeholders::default();
    let filter = expression::partition_begins(&scan.partition_prefix, &mut placeholders);
    let read_limit = if filter.is_some() { PAGE_MAX } else { scan.limit };
    let (names, values) = placeholders.into_maps();

    let answer = items
        .client
        .scan()
        .table_name(items.table_name(scan.table))
        .consistent_read(true)
        .set_filter_expression(filter)
        .set_expression_attribute_names(names)
        .set_expression_attribute_values(values)
        .limit(page_size(read_limit))
        .set_exclusive_start_key(start)
        .send()
        .await
        .map_err(|error| failure::of("Scan", &error))?;

    let mut rows = rows(scan.table, answer.items)?;
    let wanted = scan.limit as usize;
    if rows.len() > wanted {
        rows.truncate(wanted);
        let next = rows.last().map(token_of_row);
        return Ok(Page { rows, next });
    }
    Ok(Page { rows, next: answer.last_evaluated_key.map(|last| token(last, None)).transpose()? })
}

fn page_size(limit: u32) -> i32 {
    i32::try_from(limit).expect("a page has at most 1,000 rows")
}

/// The key attributes of the table or of the index.
fn keys_of(
    items: &DynamoItems,
    table: Table,
    index: Option<&'static str>,
) -> Result<(&'static str, &'static str), PortError> {
    let Some(name) = index else { return Ok(TABLE_KEYS) };

    items
        .definitions
        .iter()
        .filter(|definition| definition.table == table)
        .flat_map(|definition| definition.indexes)
        .find(|index| index.name == name)
        .map(|index| (index.partition, index.sort))
        .ok_or_else(|| invalid(format!("table {} has no index {name}", table.name())))
}

fn rows(table: Table, items: Option<Vec<Item>>) -> Result<Vec<Row>, PortError> {
    items.unwrap_or_default().into_iter().map(|item| attribute::row(table, item)).collect()
}

fn token_of_row(row: &Row) -> PageToken {
    PageToken { pk: row.key.pk.clone(), sk: row.key.sk.clone(), index: None }
}

/// The page token for DynamoDB's last evaluated key.
fn token(mut last: Item, index_keys: Option<(&str, &str)>) -> Result<PageToken, PortError> {
    let index = match index_keys {
        None => None,
        Some((partition, sort)) => {
            // From a copy: an index may be sorted by one of the table's own keys.
            let mut copy = last.clone();
            let partition = attribute::take_text(&mut copy, partition)?;
            Some((partition, attribute::take_text(&mut copy, sort)?))
        }
    };
    let pk = attribute::take_text(&mut last, TABLE_KEYS.0)?;
    let sk = attribute::take_text(&mut last, TABLE_KEYS.1)?;

    Ok(PageToken { pk, sk, index })
}

/// The key after which DynamoDB continues; `Invalid` for a token of another kind of page.
fn start_key(token: &PageToken, index_keys: Option<(&str, &str)>) -> Result<Item, PortError> {
    let text = |text: &String| AttributeValue::S(text.clone());
    let mut start = HashMap::from([
        (TABLE_KEYS.0.to_owned(), text(&token.pk)),
        (TABLE_KEYS.1.to_owned(), text(&token.sk)),
    ]);

    match (index_keys, &token.index) {
        (None, None) => {}
        (Some((partition, sort)), Some((partition_value, sort_value))) => {
            start.insert(partition.to_owned(), text(partition_value));
            start.insert(sort.to_owned(), text(sort_value));
        }
        _ => return Err(invalid("a page token of another kind of page")),
    }
    Ok(start)
}

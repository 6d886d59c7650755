//! Tables are created as defined, and everything missing is reported in one error.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use aws::DynamoItems;
use aws::testing::LocalDynamo;
use ports::{
    Attributes, IndexDefinition, Items, Key, PortErrorKind, Query, Table, TableDefinition,
    Transaction,
};

const TABLES: &[TableDefinition] = &[
    TableDefinition {
        table: Table::Commerce,
        indexes: &[IndexDefinition { name: "by_owner", partition: "owner", sort: "placed" }],
        ttl: None,
    },
    TableDefinition { table: Table::Ephemeral, indexes: &[], ttl: Some("expires_at") },
    TableDefinition { table: Table::Outbox, indexes: &[], ttl: None },
];

/// The same tables before the index and the time to live were added.
const EARLIER: &[TableDefinition] = &[
    TableDefinition { table: Table::Commerce, indexes: &[], ttl: None },
    TableDefinition { table: Table::Ephemeral, indexes: &[], ttl: None },
];

const OTHER_INDEX: &[TableDefinition] = &[TableDefinition {
    table: Table::Commerce,
    indexes: &[IndexDefinition { name: "by_owner", partition: "owner", sort: "paid" }],
    ttl: None,
}];

async fn connect(server: &LocalDynamo, definitions: &[TableDefinition]) -> DynamoItems {
    DynamoItems::connect(server.settings("shop-"), definitions).await.unwrap()
}

#[tokio::test]
async fn created_tables_pass_the_check() {
    let server = LocalDynamo::start().unwrap();
    let items = connect(&server, TABLES).await;

    items.create_tables().await.unwrap();

    items.check_tables().await.unwrap();
}

#[tokio::test]
async fn creating_the_tables_twice_keeps_their_items() {
    let server = LocalDynamo::start().unwrap();
    let items = connect(&server, TABLES).await;
    let key = Key::new(Table::Outbox, "p", "s");
    items.create_tables().await.unwrap();
    items.transact(&Transaction::new().put(key.clone(), Attributes::default())).await.unwrap();

    items.create_tables().await.unwrap();

    assert!(items.get(&key).await.unwrap().is_some());
}

#[tokio::test]
async fn everything_that_is_missing_is_in_one_error() {
    let server = LocalDynamo::start().unwrap();
    connect(&server, EARLIER).await.create_tables().await.unwrap();

    let error = connect(&server, TABLES).await.check_tables().await.unwrap_err();

    let text = error.to_string();
    assert_eq!(error.kind, PortErrorKind::Invalid);
    for missing in [
        "table shop-commerce has no index by_owner",
        "table shop-ephemeral has no time to live in expires_at",
        "there is no table shop-outbox",
    ] {
        assert!(text.contains(missing), "{text}");
    }
}

#[tokio::test]
async fn an_index_of_other_attributes_is_reported() {
    let server = LocalDynamo::start().unwrap();
    connect(&server, OTHER_INDEX).await.create_tables().await.unwrap();

    let error = connect(&server, TABLES).await.check_tables().await.unwrap_err();

    let wanted =
        "index by_owner of table shop-commerce is not of all attributes by owner and placed";
    assert!(error.to_string().contains(wanted), "{error}");
}

#[tokio::test]
async fn a_missing_table_is_unavailable_and_named_by_its_prefix() {
    let server = LocalDynamo::start().unwrap();
    let items = connect(&server, TABLES).await;

    let error = items.query(&Query::partition(Table::Outbox, "p")).await.unwrap_err();

    assert_eq!(error.kind, PortErrorKind::Unavailable);
}

#[tokio::test]
async fn two_prefixes_are_two_shops() {
    let server = LocalDynamo::start().unwrap();
    let one = server.items("one-", TABLES).await.unwrap();
    let two = server.items("two-", TABLES).await.unwrap();
    let key = Key::new(Table::Outbox, "p", "s");

    one.transact(&Transaction::new().put(key.clone(), Attributes::default())).await.unwrap();

    assert!(one.get(&key).await.unwrap().is_some());
    assert!(two.get(&key).await.unwrap().is_none());
}

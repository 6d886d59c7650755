//! Any condition, however deep, has the port's meaning in DynamoDB.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use aws::DynamoItems;
use aws::testing::LocalDynamo;
use ports::{
    Attributes, Condition, Items, Key, Table, TableDefinition, TransactError, Transaction, Value,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

const TABLES: &[TableDefinition] =
    &[TableDefinition { table: Table::Inventory, indexes: &[], ttl: None }];

/// Few names and few values, so that conditions and attributes collide often. Two are reserved words
/// of DynamoDB.
fn any_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["size", "status", "c", "d.e"]).prop_map(str::to_owned)
}

fn any_value() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(0),
        json!(1),
        json!(-1),
        json!("1"),
        json!(""),
        json!(null),
        json!(true),
        json!([1, "1"]),
        json!({ "c": { "size": 1 } }),
    ])
}

fn any_item() -> impl Strategy<Value = Option<Attributes>> {
    let attributes = prop::collection::hash_map(any_name(), any_value(), 0..4)
        .prop_map(|map| Attributes(map.into_iter().collect()));
    prop::option::weighted(0.8, attributes)
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        Just(Condition::Exists),
        Just(Condition::NotExists),
        (any_name(), any_value()).prop_map(|(name, value)| Condition::Equals(name, value)),
        (any_name(), -1..2_i64).prop_map(|(name, least)| Condition::AtLeast(name, least)),
        (any_name(), -1..2_i64).prop_map(|(name, bound)| Condition::Below(name, bound)),
        (any_name(), any_name()).prop_map(|(left, right)| Condition::AttributeAtLeast(left, right)),
    ];
    leaf.prop_recursive(4, 20, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::All),
            prop::collection::vec(inner, 0..4).prop_map(Condition::Any),
        ]
    })
}

async fn holds(items: &DynamoItems, item: Option<&Attributes>, condition: &Condition) -> bool {
    let key = Key::new(Table::Inventory, "p", "s");
    let before = match item {
        Some(attributes) => Transaction::new().put(key.clone(), attributes.clone()),
        None => Transaction::new().delete_if(key.clone(), Condition::All(Vec::new())),
    };
    items.transact(&before).await.unwrap();

    match items.transact(&Transaction::new().check(key, condition.clone())).await {
        Ok(()) => true,
        Err(TransactError::Cancelled(_)) => false,
        Err(error) => panic!("{condition:?} was refused: {error:?}"),
    }
}

#[test]
fn any_condition_holds_exactly_when_the_port_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = LocalDynamo::start().unwrap();
    let items = runtime.block_on(server.items("any-", TABLES)).unwrap();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });

    runner
        .run(&(any_item(), any_condition()), |(item, condition)| {
            let held = runtime.block_on(holds(&items, item.as_ref(), &condition));

            prop_assert_eq!(held, condition.holds(item.as_ref()), "{:?} of {:?}", condition, item);
            Ok(())
        })
        .unwrap();
}

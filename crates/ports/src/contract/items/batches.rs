//! `batch_get`: many keys, one answer each.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{catalog, inventory, put, put_all};
use crate::{Attributes, Items, Key, PortError, PortErrorKind};

pub async fn a_batch_keeps_the_order_of_its_keys_and_says_what_is_absent(items: Arc<dyn Items>) {
    put(&*items, &catalog("p", "a"), json!({"n": 1})).await;
    put(&*items, &catalog("p", "b"), json!({"n": 2})).await;
    put(&*items, &catalog("q", "a"), json!({"n": 3})).await;
    let keys = [("q", "a"), ("p", "absent"), ("p", "b"), ("absent", "a"), ("p", "a")];

    let found = items.batch_get(&keys.map(|(pk, sk)| catalog(pk, sk))).await.unwrap();

    assert_eq!(numbers(&found), [Some(3), None, Some(2), None, Some(1)]);
}

pub async fn a_batch_of_100_keys_works(items: Arc<dyn Items>) {
    let keys: Vec<Key> = (0..100).map(|n| catalog(&format!("p{n}"), "meta")).collect();
    put_all(&*items, keys.iter().cloned().zip((0..100).map(|n| json!({ "n": n })))).await;

    let found = items.batch_get(&keys).await.unwrap();

    assert_eq!(numbers(&found), (0..100).map(Some).collect::<Vec<_>>());
}

pub async fn a_batch_reads_several_tables(items: Arc<dyn Items>) {
    put(&*items, &catalog("p", "a"), json!({"n": 1})).await;
    put(&*items, &inventory("p", "a"), json!({"n": 2})).await;
    put(&*items, &catalog("p", "b"), json!({"n": 3})).await;
    let keys = [inventory("p", "a"), catalog("p", "b"), inventory("p", "b"), catalog("p", "a")];

    let found = items.batch_get(&keys).await.unwrap();

    assert_eq!(numbers(&found), [Some(2), Some(3), None, Some(1)]);
}

/// More than one answer of DynamoDB holds (16 MB): the rest comes back as unprocessed keys.
pub async fn a_batch_of_many_megabytes_is_complete(items: Arc<dyn Items>) {
    let keys: Vec<Key> = (0..70).map(|n| catalog(&format!("p{n}"), "large")).collect();
    let text = Value::from("x".repeat(300_000));
    for (n, key) in keys.iter().enumerate() {
        put(&*items, key, json!({"n": n, "text": text})).await;
    }

    let found = items.batch_get(&keys).await.unwrap();

    assert_eq!(numbers(&found), (0..70).map(Some).collect::<Vec<_>>());
}

pub async fn a_batch_of_no_keys_answers_nothing(items: Arc<dyn Items>) {
    assert!(items.batch_get(&[]).await.unwrap().is_empty());
}

pub async fn a_batch_of_101_keys_or_of_one_key_twice_is_invalid(items: Arc<dyn Items>) {
    let many: Vec<Key> = (0..101).map(|n| catalog(&format!("p{n}"), "meta")).collect();

    let too_many = items.batch_get(&many).await;
    let twice = items.batch_get(&[catalog("p", "a"), catalog("p", "b"), catalog("p", "a")]).await;
    let empty = items.batch_get(&[catalog("p", "")]).await;
    let empty_alone = items.get(&catalog("", "a")).await;

    assert_eq!(kind(too_many), PortErrorKind::Invalid);
    assert_eq!(kind(twice), PortErrorKind::Invalid);
    assert_eq!(kind(empty), PortErrorKind::Invalid);
    assert_eq!(kind(empty_alone), PortErrorKind::Invalid);
}

fn kind<T: std::fmt::Debug>(result: Result<T, PortError>) -> PortErrorKind {
    result.unwrap_err().kind
}

fn numbers(found: &[Option<Attributes>]) -> Vec<Option<i64>> {
    found.iter().map(|found| found.as_ref().map(|found| found.number("n").unwrap())).collect()
}

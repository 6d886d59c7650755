//! One item: what is put is what is got.

use std::sync::Arc;

use serde_json::json;

use super::{assert_invalid, attributes, catalog, get, inventory, put};
use crate::{Action, Condition, Items, Key, Table, Transaction, Update};

pub async fn every_kind_of_value_comes_back_as_it_was(items: Arc<dyn Items>) {
    let key = catalog("product#1", "meta");
    let value = json!({
        "text": "Ünïcödé 漢字 🛒 \"quoted\" \\ \n\t\u{1}",
        "empty_text": "",
        "digits": "007",
        "least": i64::MIN,
        "most": i64::MAX,
        "zero": 0,
        "minus_one": -1,
        "true": true,
        "false": false,
        "null": null,
        "empty_list": [],
        "empty_map": {},
        "list": [1, "two", null, true, [3, [4]], {"five": 5}],
        "map": {"a": {"b": {"c": {"d": [{"e": "deep"}]}}}, "naïve key. with #signs": [""]},
        "name with spaces": "and a reserved word",
        "size": "M",
        "status": 1,
    });

    put(&*items, &key, value.clone()).await;

    assert_eq!(get(&*items, &key).await, Some(value));
}

pub async fn an_item_without_attributes_is_there(items: Arc<dyn Items>) {
    let key = catalog("product#1", "meta");

    put(&*items, &key, json!({})).await;

    assert_eq!(get(&*items, &key).await, Some(json!({})));
}

pub async fn a_missing_item_is_none(items: Arc<dyn Items>) {
    put(&*items, &catalog("product#1", "meta"), json!({"a": 1})).await;

    assert_eq!(get(&*items, &catalog("product#1", "other")).await, None);
    assert_eq!(get(&*items, &catalog("product#2", "meta")).await, None);
}

pub async fn a_put_replaces_the_whole_item(items: Arc<dyn Items>) {
    let key = catalog("product#1", "meta");
    put(&*items, &key, json!({"a": 1, "b": 2})).await;

    put(&*items, &key, json!({"b": 3, "c": 4})).await;

    assert_eq!(get(&*items, &key).await, Some(json!({"b": 3, "c": 4})));
}

pub async fn an_update_leaves_the_other_attributes(items: Arc<dyn Items>) {
    let key = catalog("product#1", "meta");
    put(&*items, &key, json!({"a": 1, "b": {"c": [1, 2]}, "d": "kept"})).await;

    let update = Action::Update {
        key: key.clone(),
        updates: vec![Update::Set("a".into(), json!("new")), Update::Remove("b".into())],
        condition: None,
    };
    items.transact(&Transaction { actions: vec![update], token: None }).await.unwrap();

    assert_eq!(get(&*items, &key).await, Some(json!({"a": "new", "d": "kept"})));
}

pub async fn a_deleted_item_is_gone(items: Arc<dyn Items>) {
    let (deleted, kept) = (catalog("product#1", "a"), catalog("product#1", "b"));
    put(&*items, &deleted, json!({"a": 1})).await;
    put(&*items, &kept, json!({"a": 1})).await;

    let delete = Transaction::new().delete_if(deleted.clone(), Condition::Exists);
    items.transact(&delete).await.unwrap();

    assert_eq!(get(&*items, &deleted).await, None);
    assert_eq!(get(&*items, &kept).await, Some(json!({"a": 1})));
}

pub async fn deleting_what_is_not_there_succeeds(items: Arc<dyn Items>) {
    let delete = Action::Delete { key: catalog("product#1", "meta"), condition: None };

    let deleted = items.transact(&Transaction { actions: vec![delete], token: None }).await;

    assert!(deleted.is_ok(), "{deleted:?}");
}

pub async fn tables_do_not_share_keys(items: Arc<dyn Items>) {
    put(&*items, &catalog("same", "key"), json!({"in": "catalog"})).await;
    put(&*items, &inventory("same", "key"), json!({"in": "inventory"})).await;

    assert_eq!(get(&*items, &catalog("same", "key")).await, Some(json!({"in": "catalog"})));
    assert_eq!(get(&*items, &inventory("same", "key")).await, Some(json!({"in": "inventory"})));
}

pub async fn keys_are_compared_byte_by_byte(items: Arc<dyn Items>) {
    // Upper and lower case, composed and decomposed, with and without a space: all different.
    let names = ["café", "cafe\u{301}", "CAFÉ", "café ", "caf", "漢字", "🛒", "a#b|c/d%_*'\""];

    for (n, name) in names.iter().enumerate() {
        put(&*items, &catalog(name, name), json!({ "n": n })).await;
    }

    for (n, name) in names.iter().enumerate() {
        assert_eq!(get(&*items, &catalog(name, name)).await, Some(json!({ "n": n })), "{name}");
    }
}

pub async fn an_item_of_300_kilobytes_works(items: Arc<dyn Items>) {
    let key = catalog("product#1", "large");
    let value = json!({"text": "é".repeat(150_000), "number": 1});

    put(&*items, &key, value.clone()).await;

    assert!(get(&*items, &key).await == Some(value), "not the same 300 KB came back");
}

pub async fn an_item_of_more_than_400_kilobytes_is_invalid(items: Arc<dyn Items>) {
    let key = catalog("product#1", "large");
    let too_large = attributes(json!({"text": "x".repeat(420_000)}));

    let by_put = items.transact(&Transaction::new().put(key.clone(), too_large)).await;
    put(&*items, &key, json!({"text": "x".repeat(250_000)})).await;
    let grown = Action::Update {
        key: key.clone(),
        updates: vec![Update::Set("more".into(), json!("x".repeat(250_000)))],
        condition: None,
    };
    let by_growth = items.transact(&Transaction { actions: vec![grown], token: None }).await;

    assert_invalid(by_put, "a put of 420 KB");
    assert_invalid(by_growth, "an update that makes 500 KB");
    assert!(items.get(&key).await.unwrap().unwrap().0.get("more").is_none());
}

/// Deletion by time is lazy, so an adapter neither hides such an item nor lets it vanish from a
/// condition: readers compare the time.
pub async fn an_item_past_its_time_is_answered_until_it_is_deleted(items: Arc<dyn Items>) {
    let key = Key::new(Table::Ephemeral, "session#1", "meta");
    put(&*items, &key, json!({"expires_at": NOW + 60, "user": "ann"})).await;

    let extended = Transaction::new().update_if(
        key.clone(),
        vec![Update::Set("user".into(), json!("bob"))],
        Condition::Exists,
    );
    items.transact(&extended).await.unwrap();
    let before = get(&*items, &key).await;
    let delete = Transaction::new().delete_if(key.clone(), Condition::Exists);
    items.transact(&delete).await.unwrap();

    assert_eq!(before, Some(json!({"expires_at": NOW + 60, "user": "bob"})));
    assert_eq!(get(&*items, &key).await, None);
}

pub async fn a_condition_on_the_time_works(items: Arc<dyn Items>) {
    let key = Key::new(Table::Ephemeral, "lease#1", "meta");
    let claim = |now: i64, owner: &str| {
        let free =
            Condition::Any(vec![Condition::NotExists, Condition::Below("expires_at".into(), now)]);
        let lease = attributes(json!({"expires_at": now + 30, "owner": owner}));
        Transaction::new().put_if(key.clone(), lease, free)
    };

    let first = items.transact(&claim(NOW, "ann")).await;
    let held = items.transact(&claim(NOW + 30, "bob")).await;
    let expired = items.transact(&claim(NOW + 31, "bob")).await;

    assert!(first.is_ok(), "{first:?}");
    assert!(held.is_err(), "a lease was taken before its time");
    assert!(expired.is_ok(), "{expired:?}");
    assert_eq!(items.get(&key).await.unwrap().unwrap().text("owner"), Some("bob"));
}

pub async fn a_read_after_a_commit_sees_it(items: Arc<dyn Items>) {
    let key = catalog("product#1", "meta");

    for n in 0..100 {
        put(&*items, &key, json!({ "n": n })).await;

        assert_eq!(get(&*items, &key).await, Some(json!({ "n": n })));
        let batch = items.batch_get(std::slice::from_ref(&key)).await.unwrap();
        assert_eq!(batch[0].as_ref().unwrap().number("n"), Some(n));
    }
}

/// In the year 2100: no engine that deletes by the clock gets to these items first.
const NOW: i64 = 4_102_444_800;

//! Updates: setting, adding and removing attributes.

use std::sync::Arc;

use serde_json::json;

use super::{assert_invalid, catalog, get, put};
use crate::{Action, Items, Key, TransactError, Transaction, Update};

pub async fn an_update_of_a_missing_item_makes_it(items: Arc<dyn Items>) {
    let key = catalog("p", "a");

    let updates = vec![
        Update::Set("name".into(), json!("tea")),
        Update::Add("count".into(), 3),
        Update::Remove("other".into()),
    ];
    update(&*items, &key, updates).await.unwrap();

    assert_eq!(get(&*items, &key).await, Some(json!({"name": "tea", "count": 3})));
}

pub async fn adding_to_a_missing_attribute_counts_from_zero(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    put(&*items, &key, json!({"other": 1})).await;

    update(&*items, &key, vec![Update::Add("count".into(), 5)]).await.unwrap();
    update(&*items, &key, vec![Update::Add("count".into(), 2)]).await.unwrap();

    assert_eq!(get(&*items, &key).await, Some(json!({"other": 1, "count": 7})));
}

pub async fn adding_a_negative_number_subtracts(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    put(&*items, &key, json!({"count": 5, "other": 0})).await;

    let updates = vec![Update::Add("count".into(), -7), Update::Add("other".into(), -1)];
    update(&*items, &key, updates).await.unwrap();

    assert_eq!(get(&*items, &key).await, Some(json!({"count": -2, "other": -1})));
}

pub async fn adding_to_what_is_no_number_is_invalid(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    put(&*items, &key, json!({"text": "5", "null": null, "count": 1})).await;

    for name in ["text", "null"] {
        let updates = vec![Update::Add("count".into(), 1), Update::Add(name.into(), 1)];
        let added = update(&*items, &key, updates).await;

        assert_invalid(added, name);
    }
    assert_eq!(get(&*items, &key).await, Some(json!({"text": "5", "null": null, "count": 1})));
}

pub async fn removing_an_attribute_that_is_not_there_changes_nothing(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    put(&*items, &key, json!({"n": 1})).await;

    update(&*items, &key, vec![Update::Remove("absent".into())]).await.unwrap();

    assert_eq!(get(&*items, &key).await, Some(json!({"n": 1})));
}

pub async fn several_updates_of_one_item_happen_together(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    put(&*items, &key, json!({"available": 9, "held": 1, "note": "x", "tags": ["a"]})).await;

    let updates = vec![
        Update::Add("available".into(), -2),
        Update::Add("held".into(), 2),
        Update::Set("tags".into(), json!(["b", {"c": null}])),
        Update::Remove("note".into()),
    ];
    update(&*items, &key, updates).await.unwrap();

    let expected = json!({"available": 7, "held": 3, "tags": ["b", {"c": null}]});
    assert_eq!(get(&*items, &key).await, Some(expected));
}

pub async fn setting_a_value_replaces_it_whole(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    put(&*items, &key, json!({"map": {"a": 1, "b": 2}, "map.a": 0})).await;

    update(&*items, &key, vec![Update::Set("map".into(), json!({"c": 3}))]).await.unwrap();
    // A name with a dot is a name, not a path.
    update(&*items, &key, vec![Update::Set("map.a".into(), json!(9))]).await.unwrap();

    assert_eq!(get(&*items, &key).await, Some(json!({"map": {"c": 3}, "map.a": 9})));
}

async fn update(items: &dyn Items, key: &Key, updates: Vec<Update>) -> Result<(), TransactError> {
    let update = Action::Update { key: key.clone(), updates, condition: None };

    items.transact(&Transaction { actions: vec![update], token: None }).await
}

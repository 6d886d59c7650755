//! Conditions: when they hold, and what a failed one answers.

use std::sync::Arc;

use serde_json::json;

use super::{attributes, catalog, get, put, reasons};
use crate::{Attributes, Cancellation, Condition, Items, Transaction, Update};

pub async fn every_condition_means_what_the_port_says(items: Arc<dyn Items>) {
    let (present, absent) = (catalog("p", "present"), catalog("p", "absent"));
    let item = json!({
        "n": 5, "m": 7, "minus": -5, "least": i64::MIN, "most": i64::MAX, "text": "5",
        "more_text": "7", "empty": "", "null": null, "yes": true, "list": [1, {"a": 2}],
        "map": {"a": 1, "b": [2]}, "name": "a word that DynamoDB reserves",
    });
    put(&*items, &present, item.clone()).await;
    let item = attributes(item);

    for (condition, of_present, of_absent) in truth_table() {
        for (key, expected, state) in
            [(&present, of_present, Some(&item)), (&absent, of_absent, None)]
        {
            assert_eq!(condition.holds(state), expected, "the port: {condition:?} of {}", key.sk);

            let check = Transaction::new().check(key.clone(), condition.clone());
            let answer = items.transact(&check).await;

            assert_eq!(answer.is_ok(), expected, "{condition:?} of {}: {answer:?}", key.sk);
            if !expected {
                let old = state.cloned();
                assert_eq!(reasons(answer), [Some(Cancellation::ConditionFailed { old })]);
            }
        }
    }
}

/// A condition, whether it holds for the item, and whether it holds where there is none.
fn truth_table() -> Vec<(Condition, bool, bool)> {
    use Condition::{All, Any, AtLeast, AttributeAtLeast, Below, Equals, Exists, NotExists};
    let equals = |name: &str, value| Equals(name.to_owned(), value);
    let at_least = |name: &str, n| AtLeast(name.to_owned(), n);
    let below = |name: &str, n| Below(name.to_owned(), n);
    let ordered = |left: &str, right: &str| AttributeAtLeast(left.to_owned(), right.to_owned());

    vec![
        (Exists, true, false),
        (NotExists, false, true),
        (equals("n", json!(5)), true, false),
        (equals("n", json!(6)), false, false),
        (equals("n", json!("5")), false, false),
        (equals("text", json!("5")), true, false),
        (equals("text", json!(5)), false, false),
        (equals("empty", json!("")), true, false),
        (equals("missing", json!("")), false, false),
        (equals("null", json!(null)), true, false),
        (equals("missing", json!(null)), false, false),
        (equals("yes", json!(true)), true, false),
        (equals("yes", json!(false)), false, false),
        (equals("list", json!([1, {"a": 2}])), true, false),
        (equals("list", json!([1])), false, false),
        (equals("map", json!({"b": [2], "a": 1})), true, false),
        (equals("map", json!({"a": 1})), false, false),
        (equals("name", json!("a word that DynamoDB reserves")), true, false),
        (at_least("n", 4), true, false),
        (at_least("n", 5), true, false),
        (at_least("n", 6), false, false),
        (at_least("minus", -5), true, false),
        (at_least("minus", -4), false, false),
        (at_least("least", i64::MIN), true, false),
        (at_least("most", i64::MAX), true, false),
        (at_least("text", 1), false, false),
        (at_least("null", i64::MIN), false, false),
        (at_least("missing", i64::MIN), false, false),
        (below("n", 6), true, false),
        (below("n", 5), false, false),
        (below("minus", 0), true, false),
        (below("text", 9), false, false),
        (below("missing", i64::MAX), false, false),
        (ordered("m", "n"), true, false),
        (ordered("n", "n"), true, false),
        (ordered("n", "m"), false, false),
        (ordered("n", "missing"), false, false),
        (ordered("missing", "n"), false, false),
        // Texts have an order as well, but this is about numbers.
        (ordered("more_text", "text"), false, false),
        (ordered("m", "text"), false, false),
        (All(vec![Exists, at_least("n", 5)]), true, false),
        (All(vec![Exists, at_least("n", 6)]), false, false),
        (All(vec![]), true, true),
        (Any(vec![NotExists, below("n", 6)]), true, true),
        (Any(vec![NotExists, below("n", 5)]), false, true),
        (Any(vec![]), false, false),
        (All(vec![Any(vec![NotExists, equals("n", json!(5))]), Exists]), true, false),
        (Any(vec![All(vec![NotExists]), All(vec![Exists, below("m", 8)])]), true, true),
        (All(vec![Exists, Any(vec![])]), false, false),
    ]
}

pub async fn a_failed_condition_returns_the_item_as_it_stands(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    let standing = json!({"n": 1, "nested": {"list": [1, null]}});
    put(&*items, &key, standing.clone()).await;
    let never = Condition::Equals("n".into(), json!(2));
    let failed = [Some(Cancellation::ConditionFailed { old: Some(attributes(standing)) })];

    let put = Transaction::new().put_if(key.clone(), Attributes::default(), never.clone());
    let set = vec![Update::Set("n".into(), json!(9))];
    let update = Transaction::new().update_if(key.clone(), set, never.clone());
    let delete = Transaction::new().delete_if(key.clone(), never.clone());
    let check = Transaction::new().check(key.clone(), never);

    for transaction in [put, update, delete, check] {
        assert_eq!(reasons(items.transact(&transaction).await), failed, "{transaction:?}");
    }
}

pub async fn a_failed_condition_of_a_missing_item_returns_none(items: Arc<dyn Items>) {
    let check = Transaction::new().check(catalog("p", "absent"), Condition::Exists);

    let answer = items.transact(&check).await;

    assert_eq!(reasons(answer), [Some(Cancellation::ConditionFailed { old: None })]);
}

pub async fn a_condition_guards_a_put(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    let claim = |owner: &str| {
        let item = Attributes::default().with("owner", owner);
        Transaction::new().put_if(key.clone(), item, Condition::NotExists)
    };

    items.transact(&claim("ann")).await.unwrap();
    reasons(items.transact(&claim("bob")).await);

    assert_eq!(get(&*items, &key).await, Some(json!({"owner": "ann"})));
}

pub async fn a_condition_guards_an_update(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    put(&*items, &key, json!({"version": 1, "price": 100})).await;
    let reprice = |version: i64, price: i64| {
        let updates =
            vec![Update::Set("price".into(), json!(price)), Update::Add("version".into(), 1)];
        let read = Condition::Equals("version".into(), json!(version));
        Transaction::new().update_if(key.clone(), updates, read)
    };

    items.transact(&reprice(1, 200)).await.unwrap();
    reasons(items.transact(&reprice(1, 300)).await);

    assert_eq!(get(&*items, &key).await, Some(json!({"version": 2, "price": 200})));
}

pub async fn a_condition_guards_a_delete(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    put(&*items, &key, json!({"state": "held"})).await;
    let delete = |state: &str| {
        Transaction::new().delete_if(key.clone(), Condition::Equals("state".into(), json!(state)))
    };

    reasons(items.transact(&delete("free")).await);
    let kept = get(&*items, &key).await;
    items.transact(&delete("held")).await.unwrap();

    assert_eq!(kept, Some(json!({"state": "held"})));
    assert_eq!(get(&*items, &key).await, None);
}

//! Several actions: all of them or none, once.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{assert_invalid, attributes, catalog, get, inventory, number, put, reasons};
use crate::{Attributes, Cancellation, Condition, Items, TransactError, Transaction, Update};

pub async fn all_actions_happen_or_none(items: Arc<dyn Items>) {
    let [new, changed, deleted, checked] = ["new", "changed", "deleted", "checked"];
    put(&*items, &catalog("p", changed), json!({"n": 1})).await;
    put(&*items, &catalog("p", deleted), json!({"n": 1})).await;
    put(&*items, &catalog("p", checked), json!({"n": 1})).await;
    let transaction = |expected: i64| {
        let is = Condition::Equals("n".into(), json!(expected));
        Transaction::new()
            .put(catalog("p", new), attributes(json!({"n": 2})))
            .update_if(catalog("p", changed), add("n", 1), Condition::Exists)
            .delete_if(catalog("p", deleted), Condition::Exists)
            .check(catalog("p", checked), is)
    };

    reasons(items.transact(&transaction(9)).await);
    assert_eq!(get(&*items, &catalog("p", new)).await, None);
    assert_eq!(get(&*items, &catalog("p", changed)).await, Some(json!({"n": 1})));
    assert_eq!(get(&*items, &catalog("p", deleted)).await, Some(json!({"n": 1})));

    items.transact(&transaction(1)).await.unwrap();
    assert_eq!(get(&*items, &catalog("p", new)).await, Some(json!({"n": 2})));
    assert_eq!(get(&*items, &catalog("p", changed)).await, Some(json!({"n": 2})));
    assert_eq!(get(&*items, &catalog("p", deleted)).await, None);
    assert_eq!(get(&*items, &catalog("p", checked)).await, Some(json!({"n": 1})));
}

pub async fn every_action_has_its_reason_in_its_place(items: Arc<dyn Items>) {
    put(&*items, &catalog("p", "b"), json!({"n": 1})).await;
    put(&*items, &catalog("p", "d"), json!({"n": 4})).await;

    let transaction = Transaction::new()
        .put_if(catalog("p", "a"), Attributes::default(), Condition::NotExists)
        .put_if(catalog("p", "b"), Attributes::default(), Condition::NotExists)
        .put(catalog("p", "c"), Attributes::default())
        .update_if(catalog("p", "d"), add("n", 1), Condition::AtLeast("n".into(), 5))
        .check(catalog("p", "e"), Condition::Exists);
    let answer = items.transact(&transaction).await;

    let failed =
        |old: Option<Value>| Some(Cancellation::ConditionFailed { old: old.map(attributes) });
    let expected =
        [None, failed(Some(json!({"n": 1}))), None, failed(Some(json!({"n": 4}))), failed(None)];
    assert_eq!(reasons(answer), expected);
}

pub async fn conditions_see_the_items_as_they_stood_before(items: Arc<dyn Items>) {
    put(&*items, &catalog("p", "stock"), json!({"available": 3})).await;
    let take =
        || {
            let enough = Condition::AtLeast("available".into(), 3);
            Transaction::new()
                .update_if(catalog("p", "stock"), add("available", -3), enough)
                .put_if(catalog("p", "order"), Attributes::default(), Condition::NotExists)
        };

    items.transact(&take()).await.unwrap();
    let again = reasons(items.transact(&take()).await);

    assert!(again.iter().all(Option::is_some), "{again:?}");
    assert_eq!(number(&*items, &catalog("p", "stock"), "available").await, 0);
}

pub async fn a_transaction_of_100_actions_works(items: Arc<dyn Items>) {
    let key = |n: i64| catalog(&format!("p{}", n % 7), &format!("{n:03}"));
    let puts = (0..100).fold(Transaction::new(), |transaction, n| {
        transaction.put(key(n), attributes(json!({ "n": n })))
    });
    let changes = (0..100).fold(Transaction::new(), |transaction, n| {
        let same = Condition::Equals("n".into(), json!(n));
        match n % 3 {
            0 => transaction.update_if(key(n), add("n", 1_000), same),
            1 => transaction.delete_if(key(n), same),
            _ => transaction.check(key(n), same),
        }
    });

    items.transact(&puts).await.unwrap();
    items.transact(&changes).await.unwrap();

    for n in 0..100 {
        let expected = [Some(json!({"n": n + 1_000})), None, Some(json!({ "n": n }))];
        assert_eq!(get(&*items, &key(n)).await, expected[n as usize % 3], "{n}");
    }
}

pub async fn a_transaction_across_tables_works(items: Arc<dyn Items>) {
    put(&*items, &catalog("p", "a"), json!({"n": 1})).await;
    let transaction = |expected: i64| {
        let is = Condition::Equals("n".into(), json!(expected));
        Transaction::new()
            .put(inventory("p", "a"), attributes(json!({"n": 2})))
            .check(catalog("p", "a"), is)
    };

    reasons(items.transact(&transaction(5)).await);
    let before = get(&*items, &inventory("p", "a")).await;
    items.transact(&transaction(1)).await.unwrap();

    assert_eq!(before, None);
    assert_eq!(get(&*items, &inventory("p", "a")).await, Some(json!({"n": 2})));
}

pub async fn a_transaction_that_breaks_a_rule_is_invalid_and_does_nothing(items: Arc<dyn Items>) {
    let good = || Transaction::new().put(catalog("p", "good"), Attributes::default());
    let many = (0..101).fold(Transaction::new(), |transaction, n| {
        transaction.put(catalog("p", &format!("{n}")), Attributes::default())
    });
    let twice = good().check(catalog("p", "good"), Condition::NotExists);
    let nothing_changed = good().update_if(catalog("p", "a"), vec![], Condition::Exists);
    let set_twice = vec![Update::Set("n".into(), json!(1)), Update::Add("n".into(), 1)];
    let set_twice = good().update_if(catalog("p", "a"), set_twice, Condition::NotExists);

    assert_invalid(items.transact(&Transaction::new()).await, "no action");
    assert_invalid(items.transact(&many).await, "101 actions");
    assert_invalid(items.transact(&twice).await, "an item twice");
    assert_invalid(items.transact(&nothing_changed).await, "an update that changes nothing");
    assert_invalid(items.transact(&set_twice).await, "an attribute updated twice");
    assert_invalid(items.transact(&good().token("")).await, "an empty token");
    assert_invalid(items.transact(&good().token("t".repeat(37))).await, "a token of 37");
    assert_eq!(get(&*items, &catalog("p", "good")).await, None);
}

pub async fn a_key_that_is_empty_or_too_long_is_invalid(items: Arc<dyn Items>) {
    let put_at =
        |pk: &str, sk: &str| Transaction::new().put(catalog(pk, sk), Attributes::default());
    let (longest_pk, longest_sk) = ("p".repeat(2_048), "s".repeat(1_024));

    items.transact(&put_at(&longest_pk, &longest_sk)).await.unwrap();

    assert_invalid(items.transact(&put_at("", "a")).await, "an empty partition key");
    assert_invalid(items.transact(&put_at("a", "")).await, "an empty sort key");
    assert_invalid(items.transact(&put_at(&"é".repeat(1_025), "a")).await, "pk of 2,050 bytes");
    assert_invalid(items.transact(&put_at("a", &"s".repeat(1_025))).await, "sk of 1,025 bytes");
    assert_eq!(get(&*items, &catalog(&longest_pk, &longest_sk)).await, Some(json!({})));
}

pub async fn a_value_that_no_engine_could_keep_is_invalid(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    let put_of = |value: Value| {
        Transaction::new().put(key.clone(), attributes(json!({"n": 1, "value": value})))
    };
    let set_of = |value: Value| {
        let set = vec![Update::Set("value".into(), value)];
        Transaction::new().update_if(key.clone(), set, Condition::NotExists)
    };
    let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    let named_as_key = Transaction::new().put(key.clone(), attributes(json!({"pk": "other"})));

    for wrong in [json!(1.5), json!(u64::MAX), json!([{"a": 0.1}]), deep(40)] {
        assert_invalid(items.transact(&put_of(wrong.clone())).await, "a put");
        assert_invalid(items.transact(&set_of(wrong)).await, "an update");
    }
    assert_invalid(items.transact(&named_as_key).await, "an attribute named as a key");
    assert_eq!(get(&*items, &key).await, None);
    items.transact(&put_of(deep(30))).await.unwrap();
    assert_eq!(get(&*items, &key).await, Some(json!({"n": 1, "value": deep(30)})));
}

pub async fn a_token_makes_a_second_delivery_harmless(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    put(&*items, &key, json!({"n": 0})).await;
    let delivery = Transaction::new()
        .update_if(key.clone(), add("n", 1), Condition::Exists)
        .put_if(catalog("p", "once"), Attributes::default(), Condition::NotExists)
        .token("token-1");

    for _ in 0..3 {
        items.transact(&delivery).await.unwrap();
    }

    assert_eq!(number(&*items, &key, "n").await, 1);
}

pub async fn a_token_with_other_actions_is_refused(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    let put_of = |n: i64| Transaction::new().put(key.clone(), attributes(json!({ "n": n })));
    items.transact(&put_of(1).token("token-1")).await.unwrap();

    let other = items.transact(&put_of(2).token("token-1")).await;
    let other_token = items.transact(&put_of(3).token("token-2")).await;

    assert!(matches!(other, Err(TransactError::TokenReused)), "{other:?}");
    assert!(other_token.is_ok(), "{other_token:?}");
    assert_eq!(number(&*items, &key, "n").await, 3);
}

pub async fn without_a_token_a_transaction_happens_twice(items: Arc<dyn Items>) {
    let key = catalog("p", "a");
    put(&*items, &key, json!({"n": 0})).await;
    let addition = Transaction::new().update_if(key.clone(), add("n", 1), Condition::Exists);

    items.transact(&addition).await.unwrap();
    items.transact(&addition).await.unwrap();

    assert_eq!(number(&*items, &key, "n").await, 2);
}

fn add(name: &str, n: i64) -> Vec<Update> {
    vec![Update::Add(name.to_owned(), n)]
}

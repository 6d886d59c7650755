//! Indexes: sparse, ordered, and moving with their items.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::SHELF;
use super::{
    assert_invalid, attributes, catalog, expect_index, inventory, put, put_all, reasons, walk,
};
use crate::{
    Action, Condition, Items, PortErrorKind, Query, SortRange, Table, Transaction, Update,
};

pub async fn an_index_holds_the_items_that_have_both_attributes(items: Arc<dyn Items>) {
    put(&*items, &catalog("p", "both"), json!({"shelf": "tea", "rank": "1", "name": "x"})).await;
    put(&*items, &catalog("p", "no rank"), json!({"shelf": "tea"})).await;
    put(&*items, &catalog("p", "no shelf"), json!({"rank": "1"})).await;
    put(&*items, &catalog("p", "neither"), json!({"name": "x"})).await;
    put(&*items, &catalog("p", "elsewhere"), json!({"shelf": "coffee", "rank": "1"})).await;
    put(&*items, &inventory("p", "other table"), json!({"shelf": "tea", "rank": "1"})).await;
    put(&*items, &catalog("q", "both too"), json!({"shelf": "tea", "rank": "2"})).await;

    expect_index(&*items, &shelf("tea"), &["both", "both too"]).await;
    expect_index(&*items, &shelf("coffee"), &["elsewhere"]).await;
    expect_index(&*items, &shelf("absent"), &[]).await;
    let rows = walk(&*items, &shelf("tea")).await;
    assert_eq!(rows[0].key, catalog("p", "both"));
    assert_eq!(rows[0].attributes, attributes(json!({"shelf": "tea", "rank": "1", "name": "x"})));
}

pub async fn an_index_is_read_in_the_order_of_its_sort_attribute(items: Arc<dyn Items>) {
    // The order of the ranks is not that of the keys.
    let ranked = [("d", "!"), ("a", "10"), ("c", "9"), ("e", "A"), ("b", "a"), ("f", "é")];
    put_ranked(&*items, &ranked).await;

    expect_index(&*items, &shelf("tea"), &["d", "a", "c", "e", "b", "f"]).await;
    expect_index(&*items, &shelf("tea").descending(), &["f", "b", "e", "c", "a", "d"]).await;
}

pub async fn a_range_selects_by_the_sort_attribute(items: Arc<dyn Items>) {
    put_ranked(&*items, &[("z", "a1"), ("y", "a2"), ("x", "b1"), ("w", "b2"), ("v", "c1")]).await;
    let ranges = [
        (SortRange::Prefix("b".into()), vec!["x", "w"]),
        (SortRange::Between("a2".into(), "b2".into()), vec!["y", "x", "w"]),
        (SortRange::From("b2".into()), vec!["w", "v"]),
        (SortRange::After("b2".into()), vec!["v"]),
        (SortRange::Before("b1".into()), vec!["z", "y"]),
    ];

    for (range, mut expected) in ranges {
        expect_index(&*items, &shelf("tea").sorted(range.clone()).limit(1), &expected).await;
        expected.reverse();
        expect_index(&*items, &shelf("tea").sorted(range).descending(), &expected).await;
    }
}

pub async fn paging_an_index_visits_every_row_once_in_both_directions(items: Arc<dyn Items>) {
    let keys: Vec<String> = (0..41).map(|n| format!("{n:02}")).collect();
    // Ranks run against the keys.
    let rows = keys.iter().enumerate().map(|(n, sk)| (sk.as_str(), format!("{:02}", 90 - n)));
    let rows: Vec<(&str, String)> = rows.collect();
    put_ranked(&*items, &rows).await;
    let ascending: Vec<&str> = keys.iter().rev().map(String::as_str).collect();
    let descending: Vec<&str> = keys.iter().map(String::as_str).collect();

    for limit in [1, 6, 41, 42] {
        expect_index(&*items, &shelf("tea").limit(limit), &ascending).await;
        expect_index(&*items, &shelf("tea").descending().limit(limit), &descending).await;
    }
}

pub async fn items_with_equal_index_keys_are_paged_once_each(items: Arc<dyn Items>) {
    let keys: Vec<String> = (0..23).map(|n| format!("{n:02}")).collect();
    let rank = |n: usize| {
        if n < 3 {
            "a"
        } else if n < 20 {
            "b"
        } else {
            "c"
        }
    };
    let rows: Vec<(&str, &str)> =
        keys.iter().enumerate().map(|(n, sk)| (sk.as_str(), rank(n))).collect();
    put_ranked(&*items, &rows).await;
    let descending: Vec<&str> = keys.iter().rev().map(String::as_str).collect();
    expect_index(&*items, &shelf("tea").descending(), &descending).await;

    for query in [shelf("tea").limit(4), shelf("tea").limit(4).descending()] {
        let rows = walk(&*items, &query).await;

        let mut seen: Vec<&str> = rows.iter().map(|row| row.key.sk.as_str()).collect();
        seen.sort_unstable();
        assert_eq!(seen, keys, "{query:?}");
    }
}

pub async fn an_item_moves_when_its_index_attribute_changes(items: Arc<dyn Items>) {
    put_ranked(&*items, &[("a", "1"), ("b", "2"), ("c", "3")]).await;

    update(&*items, "a", Update::Set("rank".into(), json!("9"))).await;
    put(&*items, &catalog("p", "b"), json!({"shelf": "coffee", "rank": "2"})).await;

    expect_index(&*items, &shelf("tea"), &["c", "a"]).await;
    expect_index(&*items, &shelf("coffee"), &["b"]).await;
}

pub async fn an_item_leaves_the_index_with_its_attribute(items: Arc<dyn Items>) {
    put_ranked(&*items, &[("a", "1"), ("b", "2"), ("c", "3")]).await;

    update(&*items, "a", Update::Remove("rank".into())).await;
    put(&*items, &catalog("p", "b"), json!({"rank": "2"})).await;

    expect_index(&*items, &shelf("tea"), &["c"]).await;
    update(&*items, "a", Update::Set("rank".into(), json!("5"))).await;
    expect_index(&*items, &shelf("tea"), &["c", "a"]).await;
}

pub async fn a_deleted_item_leaves_the_index(items: Arc<dyn Items>) {
    put_ranked(&*items, &[("a", "1"), ("b", "2")]).await;

    let delete = Transaction::new().delete_if(catalog("p", "a"), Condition::Exists);
    items.transact(&delete).await.unwrap();

    expect_index(&*items, &shelf("tea"), &["b"]).await;
}

pub async fn a_cancelled_transaction_leaves_the_index_alone(items: Arc<dyn Items>) {
    put_ranked(&*items, &[("a", "1"), ("b", "2")]).await;

    let cancelled = Transaction::new()
        .put(catalog("p", "c"), attributes(json!({"shelf": "tea", "rank": "3"})))
        .delete_if(catalog("p", "a"), Condition::Exists)
        .check(catalog("p", "b"), Condition::NotExists);
    reasons(items.transact(&cancelled).await);

    expect_index(&*items, &shelf("tea"), &["a", "b"]).await;
}

/// DynamoDB refuses them (an index key has a type and is not empty), so none may be stored.
pub async fn an_index_attribute_that_is_no_text_is_invalid(items: Arc<dyn Items>) {
    put_ranked(&*items, &[("a", "1")]).await;

    for wrong in [json!(null), json!(1), json!(true), json!(["1"]), json!("")] {
        let item = attributes(json!({"shelf": "tea", "rank": wrong}));
        let put = items.transact(&Transaction::new().put(catalog("p", "b"), item)).await;
        let set = vec![Update::Set("rank".into(), wrong.clone())];
        let set = Transaction::new().update_if(catalog("p", "a"), set, Condition::Exists);
        let set = items.transact(&set).await;

        assert_invalid(put, &format!("a put with the rank {wrong}"));
        assert_invalid(set, &format!("an update to the rank {wrong}"));
    }
    expect_index(&*items, &shelf("tea"), &["a"]).await;
}

pub async fn an_index_that_is_not_there_is_invalid(items: Arc<dyn Items>) {
    let absent = Query::partition(Table::Catalog, "tea").index("by_nothing");
    let of_another_table = Query::partition(Table::Inventory, "tea").index(SHELF);

    for query in [absent, of_another_table] {
        let error = items.query(&query).await.unwrap_err();

        assert_eq!(error.kind, PortErrorKind::Invalid, "{query:?}");
    }
}

fn shelf(name: &str) -> Query {
    Query::partition(Table::Catalog, name).index(SHELF)
}

async fn put_ranked<S: AsRef<str>>(items: &dyn Items, rows: &[(&str, S)]) {
    let rows = rows.iter().map(|(sk, rank)| {
        let value: Value = json!({"shelf": "tea", "rank": rank.as_ref()});
        (catalog("p", sk), value)
    });

    put_all(items, rows).await;
}

async fn update(items: &dyn Items, sk: &str, update: Update) {
    let update = Action::Update { key: catalog("p", sk), updates: vec![update], condition: None };

    items.transact(&Transaction { actions: vec![update], token: None }).await.unwrap();
}

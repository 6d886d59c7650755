//! Queries of a partition: order, ranges, limits and pages.

use std::sync::Arc;

use serde_json::json;

use super::{catalog, inventory, put, put_all, sort_keys, walk};
use crate::{Direction, Items, PortErrorKind, Query, SortRange, Table};

/// In the order of their UTF-8 bytes, which is neither that of a dictionary nor that of UTF-16
/// (there the last but one would come after the last).
const ORDERED: [&str; 12] =
    ["!", "10", "9", "A", "Z", "_", "a", "aa", "z", "é", "\u{ff5e}", "\u{1f6d2}"];

pub async fn a_partition_is_read_in_the_byte_order_of_its_sort_keys(items: Arc<dyn Items>) {
    let mut shuffled = ORDERED;
    shuffled.reverse();
    shuffled.swap(2, 7);
    for sk in shuffled {
        put(&*items, &catalog("p", sk), json!({ "name": sk })).await;
    }

    let ascending = walk(&*items, &Query::partition(Table::Catalog, "p")).await;
    let descending = walk(&*items, &Query::partition(Table::Catalog, "p").descending()).await;

    assert_eq!(sort_keys(&ascending), ORDERED);
    assert_eq!(sort_keys(&descending), reversed(&ORDERED));
    assert!(ascending.iter().all(|row| row.attributes.text("name") == Some(&row.key.sk)));
    assert!(ascending.iter().all(|row| row.key.pk == "p" && row.key.table == Table::Catalog));
}

pub async fn a_query_sees_its_partition_alone(items: Arc<dyn Items>) {
    for pk in ["p", "P", "p ", "p#1", "pp", "o", "q"] {
        put(&*items, &catalog(pk, "a"), json!({ "in": pk })).await;
    }
    put(&*items, &inventory("p", "b"), json!({"in": "inventory"})).await;

    let rows = walk(&*items, &Query::partition(Table::Catalog, "p")).await;

    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].attributes.text("in"), Some("p"));
}

pub async fn a_prefix_selects_the_keys_that_begin_so(items: Arc<dyn Items>) {
    // The greatest of all characters is the hard end of a prefix: nothing comes after it.
    let keys = ["a", "ab", "ab!", "ab\u{10ffff}", "ab\u{10ffff}z", "abc", "ac", "b", "\u{10ffff}"];
    put_all(&*items, keys.map(|sk| (catalog("p", sk), json!({})))).await;

    let selected = ["ab", "ab!", "abc", "ab\u{10ffff}", "ab\u{10ffff}z"];
    assert_range(&*items, SortRange::Prefix("ab".into()), &selected).await;
    assert_range(&*items, SortRange::Prefix("ab\u{10ffff}".into()), &selected[3..]).await;
    assert_range(&*items, SortRange::Prefix("\u{10ffff}".into()), &["\u{10ffff}"]).await;
    assert_range(&*items, SortRange::Prefix("abcd".into()), &[]).await;
    let all = walk(&*items, &query(SortRange::Prefix(String::new()))).await;
    assert_eq!(all.len(), keys.len());
}

pub async fn a_prefix_knows_no_wildcards(items: Arc<dyn Items>) {
    let keys = ["%", "%a", "*a", "A", "_", "_a", "a", "aa"];
    put_all(&*items, keys.map(|sk| (catalog("p", sk), json!({})))).await;

    assert_range(&*items, SortRange::Prefix("%".into()), &["%", "%a"]).await;
    assert_range(&*items, SortRange::Prefix("_".into()), &["_", "_a"]).await;
    assert_range(&*items, SortRange::Prefix("*".into()), &["*a"]).await;
    assert_range(&*items, SortRange::Prefix("a".into()), &["a", "aa"]).await;
}

pub async fn between_includes_both_ends(items: Arc<dyn Items>) {
    letters(&*items).await;

    let between = |from: &str, to: &str| SortRange::Between(from.into(), to.into());

    assert_range(&*items, between("b", "d"), &["b", "bb", "c", "d"]).await;
    assert_range(&*items, between("ba", "cz"), &["bb", "c"]).await;
    assert_range(&*items, between("c", "c"), &["c"]).await;
    assert_range(&*items, between("x", "z"), &[]).await;
}

pub async fn from_includes_its_key_and_after_and_before_do_not(items: Arc<dyn Items>) {
    letters(&*items).await;

    assert_range(&*items, SortRange::From("c".into()), &["c", "d", "e"]).await;
    assert_range(&*items, SortRange::From("ca".into()), &["d", "e"]).await;
    assert_range(&*items, SortRange::After("b".into()), &["bb", "c", "d", "e"]).await;
    assert_range(&*items, SortRange::After("e".into()), &[]).await;
    assert_range(&*items, SortRange::Before("c".into()), &["a", "b", "bb"]).await;
    assert_range(&*items, SortRange::Before("a".into()), &[]).await;
}

pub async fn a_range_the_wrong_way_round_is_empty(items: Arc<dyn Items>) {
    letters(&*items).await;

    assert_range(&*items, SortRange::Between("d".into(), "b".into()), &[]).await;
}

pub async fn a_limit_is_kept(items: Arc<dyn Items>) {
    letters(&*items).await;

    let first = items.query(&query(SortRange::All).limit(2)).await.unwrap();
    let last = items.query(&query(SortRange::All).descending().limit(1)).await.unwrap();
    let ranged = items.query(&query(SortRange::From("c".into())).limit(2)).await.unwrap();

    assert_eq!(sort_keys(&first.rows), ["a", "b"]);
    assert!(first.next.is_some());
    assert_eq!(sort_keys(&last.rows), ["e"]);
    assert_eq!(sort_keys(&ranged.rows), ["c", "d"]);
}

pub async fn paging_visits_every_row_once_in_both_directions(items: Arc<dyn Items>) {
    let keys: Vec<String> = (0..57).map(|n| format!("{n:03}")).collect();
    put_all(&*items, keys.iter().map(|sk| (catalog("p", sk), json!({})))).await;
    put_all(&*items, keys.iter().map(|sk| (catalog("q", sk), json!({})))).await;

    for limit in [1, 7, 19, 56, 57, 58, 1_000] {
        let ascending = walk(&*items, &query(SortRange::All).limit(limit)).await;
        let descending = walk(&*items, &query(SortRange::All).descending().limit(limit)).await;

        assert_eq!(sort_keys(&ascending), keys, "by {limit}");
        assert_eq!(sort_keys(&descending), reversed(&keys), "backwards by {limit}");
    }
}

pub async fn paging_stays_within_its_range(items: Arc<dyn Items>) {
    let keys: Vec<String> = (0..40).map(|n| format!("{n:03}")).collect();
    put_all(&*items, keys.iter().map(|sk| (catalog("p", sk), json!({})))).await;
    let ranges = [
        (SortRange::Prefix("01".into()), &keys[10..20]),
        (SortRange::Between("007".into(), "033".into()), &keys[7..34]),
        (SortRange::From("007".into()), &keys[7..]),
        (SortRange::After("007".into()), &keys[8..]),
        (SortRange::Before("033".into()), &keys[..33]),
    ];

    for (range, expected) in ranges {
        let ascending = walk(&*items, &query(range.clone()).limit(3)).await;
        let descending = walk(&*items, &query(range.clone()).descending().limit(3)).await;

        assert_eq!(sort_keys(&ascending), expected, "{range:?}");
        assert_eq!(sort_keys(&descending), reversed(expected), "{range:?} backwards");
    }
}

/// More than one answer of DynamoDB holds (1 MB): it ends pages early.
pub async fn pages_of_many_megabytes_are_walked_to_the_end(items: Arc<dyn Items>) {
    let keys: Vec<String> = (0..40).map(|n| format!("{n:03}")).collect();
    for sk in &keys {
        put(&*items, &catalog("p", sk), json!({"text": "x".repeat(100_000)})).await;
    }

    let rows = walk(&*items, &query(SortRange::All)).await;

    assert_eq!(sort_keys(&rows), keys);
}

/// Page tokens become public cursors, and cursors become cache keys.
pub async fn the_same_page_has_the_same_token(items: Arc<dyn Items>) {
    letters(&*items).await;

    let one = items.query(&query(SortRange::All).limit(3)).await.unwrap();
    let other = items.query(&query(SortRange::All).limit(3)).await.unwrap();

    assert!(one.next.is_some());
    assert_eq!(one.next, other.next);
}

pub async fn an_empty_partition_is_an_empty_page(items: Arc<dyn Items>) {
    letters(&*items).await;

    let page = items.query(&Query::partition(Table::Catalog, "absent")).await.unwrap();

    assert!(page.rows.is_empty());
    assert_eq!(page.next, None);
}

pub async fn a_query_without_a_partition_or_with_a_wrong_limit_is_invalid(items: Arc<dyn Items>) {
    letters(&*items).await;
    let wrong = [
        Query::partition(Table::Catalog, ""),
        query(SortRange::All).limit(0),
        query(SortRange::All).limit(1_001),
    ];

    for query in wrong {
        let error = items.query(&query).await.unwrap_err();

        assert_eq!(error.kind, PortErrorKind::Invalid, "{query:?}");
    }
}

fn query(range: SortRange) -> Query {
    Query::partition(Table::Catalog, "p").sorted(range)
}

async fn letters(items: &dyn Items) {
    let keys = ["a", "b", "bb", "c", "d", "e"];

    put_all(items, keys.map(|sk| (catalog("p", sk), json!({})))).await;
}

/// The range in both directions, whole and in pages of two.
async fn assert_range(items: &dyn Items, range: SortRange, expected: &[&str]) {
    for limit in [2, 1_000] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let query = Query { direction, ..query(range.clone()).limit(limit) };
            let rows = walk(items, &query).await;

            let expected = match direction {
                Direction::Ascending => expected.to_vec(),
                Direction::Descending => expected.iter().rev().copied().collect(),
            };
            assert_eq!(sort_keys(&rows), expected, "{query:?}");
        }
    }
}

fn reversed<T: AsRef<str>>(keys: &[T]) -> Vec<&str> {
    keys.iter().rev().map(AsRef::as_ref).collect()
}

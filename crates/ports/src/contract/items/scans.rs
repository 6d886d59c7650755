//! Scans of whole tables.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::{catalog, inventory, put, put_all, scan, walk_scan};
use crate::{Items, PortErrorKind, Row, Table};

pub async fn a_scan_visits_every_row_once(items: Arc<dyn Items>) {
    let keys: Vec<_> =
        (0..300).map(|n| catalog(&format!("p#{}", n % 37), &format!("{n:03}"))).collect();
    put_all(&*items, keys.iter().cloned().map(|key| (key, json!({"name": "x"})))).await;

    for limit in [7, 299, 300, 1_000] {
        let rows = walk_scan(&*items, &scan(Table::Catalog, "", limit, None)).await;

        let seen: BTreeSet<_> = rows.iter().map(|row| row.key.clone()).collect();
        assert_eq!(rows.len(), 300, "by {limit}");
        assert_eq!(seen, keys.iter().cloned().collect(), "by {limit}");
    }
}

pub async fn a_scan_with_a_prefix_sees_those_partitions_alone(items: Arc<dyn Items>) {
    let partitions = ["product", "product#1", "product#2", "Product#1", "produce#1", "a", "z"];
    for pk in partitions {
        put_all(&*items, ["1", "2", "3"].map(|sk| (catalog(pk, sk), json!({})))).await;
    }

    for limit in [1, 4, 1_000] {
        let rows = walk_scan(&*items, &scan(Table::Catalog, "product#", limit, None)).await;

        assert_eq!(seen_once(&rows), ["product#1", "product#2"], "by {limit}");
        assert_eq!(rows.len(), 6, "by {limit}");
    }
}

pub async fn a_scan_sees_its_table_alone(items: Arc<dyn Items>) {
    put(&*items, &catalog("p", "a"), json!({})).await;
    put(&*items, &inventory("q", "a"), json!({})).await;

    let rows = walk_scan(&*items, &scan(Table::Inventory, "", 100, None)).await;

    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].key, inventory("q", "a"));
}

pub async fn a_scan_of_an_empty_table_ends(items: Arc<dyn Items>) {
    let rows = walk_scan(&*items, &scan(Table::Ephemeral, "", 10, None)).await;

    assert!(rows.is_empty());
}

pub async fn a_scan_with_a_wrong_limit_is_invalid(items: Arc<dyn Items>) {
    for limit in [0, 1_001] {
        let error = items.scan(&scan(Table::Catalog, "", limit, None)).await.unwrap_err();

        assert_eq!(error.kind, PortErrorKind::Invalid, "{limit}");
    }
}

fn seen_once(rows: &[Row]) -> Vec<&str> {
    let partitions: BTreeSet<&str> = rows.iter().map(|row| row.key.pk.as_str()).collect();

    partitions.into_iter().collect()
}

//! The property that all caches depend on: an answer whose bytes a write changes shares a tag with
//! the row that the write appends. Every cached route is read, through the origin's own renderer.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod names;
mod shop;
mod trace;
mod writes;

use std::collections::BTreeSet;

use domain::Tag;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use search::{CatalogSnapshot, SnapshotDelta};
use store::Contents;

use self::names::{Names, answer};
use self::shop::Shop;
use self::writes::{Write, any_write, run};

/// Writes of one history, after the set-up of a small shop.
const WRITES: usize = 14;

#[test]
fn an_answer_that_a_write_changes_shares_a_tag_with_its_row() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config { cases: 96, ..Config::default() });

    runner
        .run(&prop::collection::vec(any_write(), 1..WRITES), |writes| {
            runtime.block_on(check(writes));
            Ok(())
        })
        .unwrap();
}

/// Histories that random generation finds too rarely.
#[tokio::test]
async fn histories_that_once_left_a_stale_answer_leave_none() {
    use Write::*;

    for writes in [
        // A featured card shows its category's name.
        vec![SetFeatured { products: vec![0] }, RenameCategory { category: 0, name: 1 }],
        // A rule of a collection depends on the category tree.
        vec![
            RuleCollection { category: Some(1), in_stock: None, price_max: None },
            MoveCategory { category: 0, parent: Some(1) },
        ],
        // A ranking names a product of another category, hidden at first.
        vec![
            Publish { product: 0, published: false },
            SetRanking { category: Some(1), products: vec![0] },
            Publish { product: 0, published: true },
        ],
        // A list of products in stock carries no tag of a product that is out of stock.
        vec![
            Adjust { product: 0, to: 0 },
            RuleCollection { category: None, in_stock: Some(true), price_max: None },
            Adjust { product: 0, to: 9 },
        ],
        // A product that was not recommended becomes more similar in price than those that were.
        vec![
            Import { rows: vec![(2, 0, 500, false), (3, 0, 1_500, false), (4, 0, 1_500, false)] },
            Price { product: 0, price: 500, compare_at: false },
            Price { product: 3, price: 500, compare_at: false },
        ],
    ] {
        check(writes).await;
    }
}

/// The other direction, where it can hold: the page of a product changes with that product only.
#[tokio::test]
async fn a_price_change_names_no_tag_of_a_page_that_does_not_show_the_product() {
    use Write::*;
    let shop = Shop::new().await;
    writes::set_up(&shop).await;
    let start = State::of(&shop).await;
    run(&shop, &start.contents, &SetRanking { category: Some(0), products: vec![1] }).await;
    let state = State::of(&shop).await;
    let (category, page) = {
        let mut products: Vec<_> = state.contents.products.iter().collect();
        products.sort_by_key(|found| found.product.id);
        (products[0].product.category, domain::Ref::Id(products[1].product.id))
    };
    let reads = [
        domain::CatalogRead::Product(page),
        domain::CatalogRead::Bestsellers { category: Some(domain::Ref::Id(category)) },
    ];

    let head = shop.head().await;
    run(&shop, &state.contents, &Price { product: 0, price: 500, compare_at: false }).await;

    let rows = shop.catalog.log().rows(head, 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    for read in reads {
        let tags = answer(&read, &state.contents, &state.snapshot).tags;
        assert!(!tags.iter().any(|tag| rows[0].tags.contains(tag)), "{read} carries {tags:?}");
    }
}

async fn check(writes: Vec<Write>) {
    let shop = Shop::new().await;
    writes::set_up(&shop).await;
    let mut before = State::of(&shop).await;

    for write in writes {
        let head = shop.head().await;
        run(&shop, &before.contents, &write).await;
        let after = State::of(&shop).await;
        let rows = shop.catalog.log().rows(head, 1_000).await.unwrap();
        let tags: BTreeSet<Tag> = rows.into_iter().flat_map(|row| row.tags).collect();
        compare(&write, &before, &after, &tags);
        before = after;
    }
}

/// The catalogue, and the index that lists are read from.
struct State {
    contents: Contents,
    snapshot: CatalogSnapshot,
}

impl State {
    async fn of(shop: &Shop) -> Self {
        let contents = shop.catalog.contents().await.unwrap();
        let Contents { stamp, products, categories, collections, featured, rankings } =
            contents.clone();
        let catalogue = SnapshotDelta {
            categories: Some(categories),
            collections: Some(collections),
            featured: Some(featured),
            rankings: Some(rankings),
            ..SnapshotDelta::with_products(products)
        };

        Self { contents, snapshot: CatalogSnapshot::default().after(catalogue, stamp) }
    }
}

fn compare(write: &Write, before: &State, after: &State, tags: &BTreeSet<Tag>) {
    for read in Names::of([&before.contents, &after.contents]).reads() {
        let old = answer(&read, &before.contents, &before.snapshot);
        let new = answer(&read, &after.contents, &after.snapshot);
        let is_covered = old.tags.iter().any(|tag| tags.contains(tag));
        assert!(
            is_covered || (old.status, &old.bytes) == (new.status, &new.bytes),
            "{write:?} changes {read} and no tag says so\nbefore {}\nafter  {}\ncarries {:?}\nrow has {tags:?}",
            String::from_utf8_lossy(&old.bytes),
            String::from_utf8_lossy(&new.bytes),
            old.tags,
        );
    }
}

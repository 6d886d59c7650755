//! The one property that caches live by: an answer whose content a write changes shares a tag with
//! the row that the write appends.

mod answers;
mod writes;

use std::collections::BTreeSet;

use domain::Tag;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use store::Contents;

use self::answers::{Asked, answers};
use self::writes::{Write, any_write, run};
use crate::shop::Shop;

/// Writes of one history, after a small shop was set up.
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

/// Histories that random ones find too seldom.
#[tokio::test]
async fn histories_that_once_left_an_answer_behind_leave_none() {
    use Write::*;

    for writes in [
        // A featured card shows its category's name.
        vec![SetFeatured { products: vec![0] }, RenameCategory { category: 0, name: 1 }],
        // A rule of a collection goes by the tree.
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
        // A list of what is in stock shows nothing that carries the product's tag.
        vec![
            Adjust { product: 0, to: 0 },
            RuleCollection { category: None, in_stock: Some(true), price_max: None },
            Adjust { product: 0, to: 9 },
        ],
    ] {
        check(writes).await;
    }
}

async fn check(writes: Vec<Write>) {
    let shop = Shop::on_sqlite().await;
    writes::set_up(&shop).await;
    let mut before = shop.catalog.contents().await.unwrap();

    for write in writes {
        let head = shop.head().await;
        run(&shop, &before, &write).await;
        let after = shop.catalog.contents().await.unwrap();
        let rows = shop.log().rows(head, 1_000).await.unwrap();
        let tags: BTreeSet<Tag> = rows.into_iter().flat_map(|row| row.tags).collect();
        compare(&write, &before, &after, &tags);
        before = after;
    }
}

fn compare(write: &Write, before: &Contents, after: &Contents, tags: &BTreeSet<Tag>) {
    let asked = Asked::of([before, after]);

    for (old, new) in answers(&asked, before).iter().zip(&answers(&asked, after)) {
        let is_covered = old.tags.iter().any(|tag| tags.contains(tag));
        assert!(
            old.content == new.content || is_covered,
            "{write:?} changes {} and no tag says so\nbefore {}\nafter  {}\ncarries {:?}\nrow has {tags:?}",
            old.route,
            old.content,
            new.content,
            old.tags,
        );
    }
}

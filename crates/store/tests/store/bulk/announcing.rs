//! What a large job says in the change log: no tags of its own, and the whole catalogue every two
//! seconds and at its end, even if it dies.

use std::time::Duration;

use domain::{ChangeRow, Status, Tag};
use store::{Bulk, Upsert};

use crate::shop::{Shop, upsert};

const PRODUCTS: usize = 1_300;

fn rows(category: domain::CategoryId) -> Vec<Upsert> {
    (0..PRODUCTS).map(|n| upsert(&format!("tent-{n}"), category)).collect()
}

fn is_loud(row: &ChangeRow) -> bool {
    row.tags == [Tag::CATALOG]
}

fn is_quiet(row: &ChangeRow) -> bool {
    row.tags.is_empty()
}

async fn job(shop: &Shop) -> Bulk {
    Bulk::new(shop.catalog.clone(), shop.by.clone()).await.unwrap()
}

#[tokio::test]
async fn a_job_of_up_to_a_thousand_products_names_each() {
    let shop = Shop::on_sqlite().await;
    let tents = shop.category("Tents").await;
    let mut bulk = job(&shop).await;

    bulk.apply(&rows(tents.id)[..1_000], |_| Ok(None)).await.unwrap();
    bulk.finish().await.unwrap();

    let rows = shop.rows().await;
    assert!(rows.iter().all(|row| row.tags.contains(&Tag::PRODUCTS)));
    assert_eq!(shop.log().head().await.unwrap().quiet_since, None);
}

#[tokio::test]
async fn a_larger_job_names_the_catalogue_every_two_seconds_and_at_its_end() {
    let shop = Shop::on_sqlite().await;
    let tents = shop.category("Tents").await;
    let all = rows(tents.id);
    let mut bulk = job(&shop).await;

    bulk.apply(&all[..1_100], |_| Ok(None)).await.unwrap();
    let first = shop.rows().await;
    let promised = shop.log().head().await.unwrap().quiet_since;
    shop.world.pass(Duration::from_millis(1_999));
    bulk.apply(&all[1_100..1_150], |_| Ok(None)).await.unwrap();
    let second = shop.rows().await;
    shop.world.pass(Duration::from_millis(1));
    bulk.apply(&all[1_150..], |_| Ok(None)).await.unwrap();
    let third = shop.rows().await;
    bulk.finish().await.unwrap();
    let last = shop.rows().await;

    let exact = first.iter().position(is_loud).unwrap();
    assert!(first[..exact].iter().all(|row| row.tags.contains(&Tag::PRODUCTS)));
    assert!(first[exact + 1..].iter().all(is_quiet) && first.len() > exact + 1);
    assert!(promised.is_some());
    assert!(second[first.len()..].iter().all(is_quiet));
    assert_eq!(third[second.len()..].iter().filter(|row| is_loud(row)).count(), 1);
    assert_eq!(last.len(), third.len() + 1);
    assert!(is_loud(last.last().unwrap()));
    assert_eq!(shop.log().head().await.unwrap().quiet_since, None);
    // The index follows the changes of quiet rows all the same.
    assert!(last.iter().all(|row| is_loud(row) || !row.changes.is_empty()));
}

#[tokio::test]
async fn a_job_that_dies_quietly_is_announced_by_maintenance() {
    let shop = Shop::on_sqlite().await;
    let tents = shop.category("Tents").await;
    let mut bulk = job(&shop).await;
    bulk.apply(&rows(tents.id), |_| Ok(None)).await.unwrap();
    drop(bulk);
    let other = shop.other_process();

    shop.world.pass(Duration::from_secs(3));
    other.log().maintain().await.unwrap();
    let too_early = shop.rows().await;
    shop.world.pass(Duration::from_millis(1));
    other.log().maintain().await.unwrap();
    other.log().maintain().await.unwrap();

    let rows = shop.rows().await;
    assert!(is_quiet(too_early.last().unwrap()));
    assert_eq!(rows.len(), too_early.len() + 1);
    assert!(is_loud(rows.last().unwrap()));
    assert_eq!(shop.log().head().await.unwrap().quiet_since, None);
}

#[tokio::test]
async fn what_a_quiet_row_hides_from_the_public_its_announcement_says() {
    let shop = Shop::on_sqlite().await;
    let tents = shop.category("Tents").await;
    let mut bulk = job(&shop).await;
    bulk.apply(&rows(tents.id), |_| Ok(None)).await.unwrap();

    let hide = Upsert { status: Some(Status::Draft), ..upsert("tent-7", tents.id) };
    bulk.apply(&[hide], |_| Ok(None)).await.unwrap();
    bulk.finish().await.unwrap();

    let mut rows = shop.rows().await;
    let last = rows.pop().unwrap();
    assert!(is_loud(&last) && last.hard);
    let quiet = rows.pop().unwrap();
    assert!(is_quiet(&quiet) && quiet.hard);
    shop.log().announce_everything().await.unwrap();
    assert!(!shop.rows().await.pop().unwrap().hard, "it was said");
}

//! Jobs of many rows: imports.

mod announcing;
mod races;
mod refusals;
mod rows;

use domain::{Category, Sku};
use ports::{Attributes, Key, Table};
use store::bulk::Checkpoint;
use store::{Bulk, Outcome, StoreError, Upsert};

use crate::shop::{Shop, slug, upsert};

/// A job of its own that goes well.
async fn import(shop: &Shop, rows: &[Upsert]) -> Vec<Outcome> {
    let mut bulk = Bulk::new(shop.catalog.clone(), shop.by.clone()).await.unwrap();
    let outcomes = bulk.apply(rows, |_| Ok(None)).await.unwrap();
    bulk.finish().await.unwrap();

    assert_eq!(outcomes.len(), rows.len());
    outcomes
}

fn assert_unchanged(outcomes: &[Outcome]) {
    for outcome in outcomes {
        assert!(matches!(outcome, Outcome::Unchanged(_)), "{outcome:?}");
    }
}

/// A row of a product with this slug.
fn row(sku: &str, of: &str, category: &Category) -> Upsert {
    Upsert { slug: Some(slug(of)), ..upsert(sku, category.id) }
}

fn progress() -> Key {
    Key::new(Table::Ephemeral, "import#test", "progress")
}

fn note(done: usize) -> Result<Option<Checkpoint>, StoreError> {
    Ok(Some((progress(), Attributes::default().with("done", done as u64))))
}

async fn noted(shop: &Shop) -> Option<i64> {
    shop.items.get(&progress()).await.unwrap().and_then(|item| item.number("done"))
}

async fn on_hand(shop: &Shop, sku: &Sku) -> i64 {
    shop.catalog.inventory().find_level(sku).await.unwrap().unwrap().on_hand
}

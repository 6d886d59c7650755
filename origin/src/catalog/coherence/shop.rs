//! A store for random writes: a new engine, a clock and an entropy source that only count, and minimal
//! drafts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::draft::{CategoryDraft, ProductDraft, VariantDraft};
use domain::{CategoryId, Currency, Money, Ref, Seq, Sku, Slug, Status, Timestamp};
use embedded::SqliteItems;
use ports::World;
use store::{Actor, Catalog, Db, Upsert};
use tempfile::TempDir;

pub struct Shop {
    pub catalog: Catalog,
    pub by: Actor,
    _folder: TempDir,
}

/// Each call is a millisecond later, so that ids sort in the order of their creation.
struct CountingWorld(AtomicU64);

impl World for CountingWorld {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_442_552_000 + self.0.fetch_add(1, Ordering::SeqCst))
    }

    fn random(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

impl Shop {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let items =
            tokio::task::spawn_blocking(move || SqliteItems::open(&path, store::schema::TABLES));
        let items = Arc::new(items.await.unwrap().unwrap());
        let catalog = Catalog::over(Db::new(items, Arc::new(CountingWorld(AtomicU64::new(1)))));

        Self { catalog, by: Actor::command("test"), _folder: folder }
    }

    pub async fn head(&self) -> Seq {
        self.catalog.log().head().await.unwrap().head
    }

    pub async fn category(&self, name: &str, parent: Option<CategoryId>) -> CategoryId {
        let draft = category_draft(name, parent);

        self.catalog.create_category(&draft, &self.by).await.unwrap().value.id
    }

    pub async fn product(&self, name: &str, category: CategoryId) {
        let draft = product_draft(name, category);

        self.catalog.create_product(&draft, &self.by).await.unwrap();
    }
}

pub fn usd() -> Currency {
    "USD".parse().unwrap()
}

pub fn money(amount: i64) -> Money {
    Money { amount, currency: usd() }
}

pub fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

/// 10 in stock, at 20.00.
pub fn variant_draft(name: &str) -> VariantDraft {
    VariantDraft {
        sku: sku(name),
        options: BTreeMap::from([("size".to_owned(), name.to_owned())]),
        price: money(2_000),
        compare_at: None,
        stock: 10,
    }
}

pub fn product_draft(name: &str, category: CategoryId) -> ProductDraft {
    ProductDraft {
        name: name.to_owned(),
        slug: Some(slug(name)),
        description: String::new(),
        brand: None,
        category: Ref::Id(category),
        status: Status::Published,
        images: Vec::new(),
        attributes: BTreeMap::new(),
        variants: vec![variant_draft(name)],
    }
}

pub fn category_draft(name: &str, parent: Option<CategoryId>) -> CategoryDraft {
    CategoryDraft { name: name.to_owned(), slug: None, parent, position: 0 }
}

/// A row of an import with the required fields only.
pub fn upsert(name: &str, category: CategoryId) -> Upsert {
    Upsert {
        sku: sku(name),
        slug: None,
        name: name.to_owned(),
        description: None,
        brand: None,
        category,
        status: None,
        images: None,
        attributes: BTreeMap::new(),
        options: BTreeMap::from([("size".to_owned(), Some(name.to_owned()))]),
        price: money(2_000),
        compare_at: None,
        stock: None,
        featured: None,
    }
}

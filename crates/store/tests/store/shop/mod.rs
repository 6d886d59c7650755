//! A store to test with: a fresh engine, a clock that is set by hand, seeded randomness, and faults
//! on request.

mod drafts;
mod engines;
mod faults;
mod history;
mod world;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::{CatalogProduct, Category, CategoryId, ProductId, Seq, Sku, Slug};
use ports::{Condition, Items, Key, Table, Transaction};
use store::write::Attempt;
use store::{Actor, Catalog, Db, Inventory, Log, StockLines, WriteBatch};

pub use drafts::*;
pub(crate) use engines::on_each_engine;
pub use faults::{Fault, Faults};
pub use history::assert_tags;
pub use world::HandSetWorld;

pub struct Shop {
    pub items: Arc<dyn Items>,
    pub faults: Arc<Faults>,
    pub world: Arc<HandSetWorld>,
    pub catalog: Catalog,
    pub by: Actor,
    _keep: Box<dyn Any + Send + Sync>,
}

impl Shop {
    fn over(engine: Arc<dyn Items>, keep: impl Any + Send + Sync) -> Self {
        let world = Arc::new(HandSetWorld::new());
        let faults = Arc::new(Faults::before(engine));
        let items: Arc<dyn Items> = faults.clone();
        let catalog = Catalog::over(Db::new(items.clone(), world.clone()));

        Self { items, faults, world, catalog, by: Actor::command("test"), _keep: Box::new(keep) }
    }

    /// The same store as another process sees it: with a log of its own.
    pub fn other_process(&self) -> Catalog {
        Catalog::over(self.db())
    }

    pub fn db(&self) -> Db {
        Db::new(self.items.clone(), self.world.clone())
    }

    pub fn row_key(seq: Seq) -> Key {
        Key::new(Table::Catalog, "log", format!("row#{:020}", seq.0))
    }

    /// As the engine does with a row whose time is over.
    pub async fn forget_row(&self, seq: Seq) {
        let forget = Transaction::new().delete_if(Self::row_key(seq), Condition::Exists);

        self.items.transact(&forget).await.unwrap();
    }

    pub fn log(&self) -> &Log {
        self.catalog.log()
    }

    /// For a cause of its own.
    pub async fn hold(&self, sku: &Sku, pieces: u32) {
        static CAUSES: AtomicU32 = AtomicU32::new(0);
        let cause = format!("order-{}", CAUSES.fetch_add(1, Ordering::Relaxed));

        hold(&self.db(), &cause, &[(sku.as_str(), pieces)]).await.unwrap();
    }

    pub async fn category(&self, name: &str) -> Category {
        self.subcategory(name, None).await
    }

    pub async fn subcategory(&self, name: &str, parent: Option<CategoryId>) -> Category {
        let draft = category_draft(name, parent);

        self.catalog.create_category(&draft, &self.by).await.unwrap().value
    }

    /// A product with one variant, whose SKU is the slug.
    pub async fn product(&self, slug: &str, category: &Category) -> CatalogProduct {
        let draft = product_draft(slug, category.id);

        self.catalog.create_product(&draft, &self.by).await.unwrap().value
    }

    pub async fn read(&self, id: ProductId) -> CatalogProduct {
        self.catalog.product(id).await.unwrap().expect("the product is there")
    }

    pub async fn by_slug(&self, slug: &str) -> Option<CatalogProduct> {
        let slug: Slug = slug.parse().unwrap();

        self.catalog.find_product(&domain::Ref::Slug(slug)).await.unwrap()
    }
}

/// As a checkout does it: from available to held.
pub async fn hold(db: &Db, cause: &str, lines: &[(&str, u32)]) -> Attempt<()> {
    let lines: StockLines =
        lines.iter().map(|(name, pieces)| (sku(name), (*pieces).try_into().unwrap())).collect();
    let mut batch = WriteBatch::new();
    Inventory::new(db.clone()).hold(&mut batch, cause, &lines)?;

    db.commit(batch).await
}

pub async fn release(db: &Db, cause: &str) -> Attempt<()> {
    let mut batch = WriteBatch::new();
    Inventory::new(db.clone()).release(&mut batch, cause).await?;

    db.commit(batch).await
}

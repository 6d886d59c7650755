//! A store to test with: a fresh engine, a clock that is set by hand, seeded dice, and faults on
//! request.

mod drafts;
mod engines;
mod faults;
mod history;
mod world;

use std::any::Any;
use std::sync::Arc;

use domain::{CatalogProduct, Category, CategoryId, ProductId, Seq, Sku, Slug};
use ports::{Condition, Items, Key, Table, Transaction, Update};
use store::{Actor, Catalog, Db, Log};

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

    pub async fn hold(&self, sku: &Sku, pieces: i64) {
        hold(&*self.items, sku, pieces).await;
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

/// As a checkout may do it: from available to held, which is no row of the ledger.
pub async fn hold(items: &dyn Items, sku: &Sku, pieces: i64) {
    let key = Key::new(Table::Inventory, format!("sku#{sku}"), "level");
    let hold = Transaction::new().update_if(
        key,
        vec![Update::Add("available".into(), -pieces), Update::Add("held".into(), pieces)],
        Condition::AtLeast("available".into(), pieces),
    );

    items.transact(&hold).await.unwrap();
}

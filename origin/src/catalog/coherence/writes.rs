//! Random catalogue writes of every kind.

use domain::draft::{CategoryPatch, CollectionDraft, CollectionPatch, ProductPatch, VariantPatch};
use domain::{CatalogProduct, Category, Collection, Membership, ProductId, Ref, Rule, Status};
use proptest::prelude::*;
use store::{Bulk, Contents};

use super::shop::{Shop, category_draft, money, product_draft, slug, upsert, usd, variant_draft};

/// Numbers select an entity modulo their count.
#[derive(Clone, Debug)]
pub enum Write {
    CreateProduct { name: u8, category: u8, price: i64, published: bool },
    DeleteProduct { product: u8 },
    Rename { product: u8, name: u8 },
    Publish { product: u8, published: bool },
    MoveProduct { product: u8, category: u8 },
    Reslug { product: u8, name: u8 },
    Price { product: u8, price: i64, compare_at: bool },
    AddVariant { product: u8, name: u8, price: i64 },
    DeleteVariant { product: u8 },
    Adjust { product: u8, to: i64 },
    CreateCategory { name: u8, parent: Option<u8> },
    RenameCategory { category: u8, name: u8 },
    ReslugCategory { category: u8, name: u8 },
    MoveCategory { category: u8, parent: Option<u8> },
    ReorderCategory { category: u8, position: i64 },
    DeleteCategory { category: u8 },
    ManualCollection { products: Vec<u8> },
    RuleCollection { category: Option<u8>, in_stock: Option<bool>, price_max: Option<i64> },
    ReslugCollection { collection: u8, name: u8 },
    EditCollection { collection: u8, products: Vec<u8> },
    DeleteCollection { collection: u8 },
    SetFeatured { products: Vec<u8> },
    SetRanking { category: Option<u8>, products: Vec<u8> },
    Import { rows: Vec<(u8, u8, i64, bool)> },
}

pub fn any_write() -> impl Strategy<Value = Write> {
    use Write::*;
    let n = || 0..6_u8;
    let price = || prop_oneof![Just(500_i64), Just(1_500), Just(2_500)];
    let some = || prop::collection::vec(0..6_u8, 0..4);
    let flag = any::<bool>;

    prop_oneof![
        (n(), n(), price(), flag()).prop_map(|(name, category, price, published)| {
            CreateProduct { name, category, price, published }
        }),
        n().prop_map(|product| DeleteProduct { product }),
        (n(), n()).prop_map(|(product, name)| Rename { product, name }),
        (n(), flag()).prop_map(|(product, published)| Publish { product, published }),
        (n(), n()).prop_map(|(product, category)| MoveProduct { product, category }),
        (n(), n()).prop_map(|(product, name)| Reslug { product, name }),
        (n(), price(), flag()).prop_map(|(product, price, compare_at)| Price {
            product,
            price,
            compare_at
        }),
        (n(), n(), price()).prop_map(|(product, name, price)| AddVariant { product, name, price }),
        n().prop_map(|product| DeleteVariant { product }),
        (n(), 0..8_i64).prop_map(|(product, to)| Adjust { product, to }),
        (n(), prop::option::of(n())).prop_map(|(name, parent)| CreateCategory { name, parent }),
        (n(), n()).prop_map(|(category, name)| RenameCategory { category, name }),
        (n(), n()).prop_map(|(category, name)| ReslugCategory { category, name }),
        (n(), prop::option::of(n()))
            .prop_map(|(category, parent)| MoveCategory { category, parent }),
        (n(), 0..3_i64).prop_map(|(category, position)| ReorderCategory { category, position }),
        n().prop_map(|category| DeleteCategory { category }),
        some().prop_map(|products| ManualCollection { products }),
        (prop::option::of(n()), prop::option::of(flag()), prop::option::of(price())).prop_map(
            |(category, in_stock, price_max)| RuleCollection { category, in_stock, price_max }
        ),
        (n(), n()).prop_map(|(collection, name)| ReslugCollection { collection, name }),
        (n(), some()).prop_map(|(collection, products)| EditCollection { collection, products }),
        n().prop_map(|collection| DeleteCollection { collection }),
        some().prop_map(|products| SetFeatured { products }),
        (prop::option::of(n()), some())
            .prop_map(|(category, products)| SetRanking { category, products }),
        prop::collection::vec((n(), n(), price(), flag()), 1..4).prop_map(|rows| Import { rows }),
    ]
}

/// Two categories, one below the first, and two products in the first; in the order of their ids,
/// which carry the time.
pub async fn set_up(shop: &Shop) {
    let first = shop.category("c0", None).await;
    shop.category("c1", None).await;
    shop.category("c2", Some(first)).await;
    shop.product("p0", first).await;
    shop.product("p1", first).await;
}

/// Runs a write. One that the shop refuses changes nothing.
pub async fn run(shop: &Shop, now: &Contents, write: &Write) {
    use Write::*;
    let (catalog, by) = (&shop.catalog, &shop.by);
    let mut categories: Vec<&Category> = now.categories.iter().collect();
    categories.sort_by_key(|category| category.id);
    let mut products: Vec<&CatalogProduct> = now.products.iter().collect();
    products.sort_by_key(|found| found.product.id);
    let category = |n: u8| categories[n as usize % categories.len()];
    let product = |n: u8| (!products.is_empty()).then(|| products[n as usize % products.len()]);
    let ids = |numbers: &[u8]| -> Vec<ProductId> {
        let mut ids: Vec<_> =
            numbers.iter().filter_map(|n| Some(product(*n)?.product.id)).collect();
        ids.dedup();
        ids
    };
    let collection = |n: u8| -> Option<&Collection> {
        let count = now.collections.len();
        (count > 0).then(|| &now.collections[n as usize % count])
    };
    macro_rules! some {
        ($found:expr) => {
            match $found {
                Some(found) => found,
                None => return,
            }
        };
    }

    match write {
        CreateProduct { name, category: at, price, published } => {
            let mut draft = product_draft(&format!("p{name}"), category(*at).id);
            draft.variants[0].price = money(*price);
            draft.status = if *published { Status::Published } else { Status::Draft };
            let _ = catalog.create_product(&draft, by).await;
        }
        DeleteProduct { product: n } => {
            let found = &some!(product(*n)).product;
            catalog.delete_product(found.id, found.version, by).await.unwrap();
        }
        Rename { product: n, name } => {
            let patch =
                ProductPatch { name: Some(format!("Name {name}")), ..ProductPatch::default() };
            edit(shop, some!(product(*n)), patch).await;
        }
        Publish { product: n, published } => {
            let status = if *published { Status::Published } else { Status::Draft };
            let patch = ProductPatch { status: Some(status), ..ProductPatch::default() };
            edit(shop, some!(product(*n)), patch).await;
        }
        MoveProduct { product: n, category: to } => {
            let to = Some(Ref::Id(category(*to).id));
            let patch = ProductPatch { category: to, ..ProductPatch::default() };
            edit(shop, some!(product(*n)), patch).await;
        }
        Reslug { product: n, name } => {
            let to = Some(slug(&format!("p{name}")));
            let patch = ProductPatch { slug: to, ..ProductPatch::default() };
            edit(shop, some!(product(*n)), patch).await;
        }
        Price { product: n, price, compare_at } => {
            let variant = &some!(product(*n)).variants[0];
            let patch = VariantPatch {
                price: Some(money(*price)),
                compare_at: Some(compare_at.then(|| money(price * 2))),
                ..VariantPatch::default()
            };
            catalog.update_variant(variant.id, variant.version, &patch, usd(), by).await.unwrap();
        }
        AddVariant { product: n, name, price } => {
            let found = &some!(product(*n)).product;
            let mut draft = variant_draft(&format!("p{name}"));
            draft.price = money(*price);
            let _ = catalog.add_variant(found.id, found.version, &draft, by).await;
        }
        DeleteVariant { product: n } => {
            let variant = &some!(product(*n)).variants[0];
            let _ = catalog.delete_variant(variant.id, variant.version, by).await;
        }
        Adjust { product: n, to } => {
            let sku = &some!(product(*n)).variants[0].sku;
            let level = catalog.inventory().find_level(sku).await.unwrap().unwrap();
            let _ = catalog.adjust_stock(sku, to - level.on_hand, "test", by).await;
        }
        CreateCategory { name, parent } => {
            let parent = parent.map(|n| category(n).id);
            let draft = category_draft(&format!("c{name}"), parent);
            let _ = catalog.create_category(&draft, by).await;
        }
        RenameCategory { category: n, name } => {
            let patch =
                CategoryPatch { name: Some(format!("Name {name}")), ..CategoryPatch::default() };
            edit_category(shop, category(*n), patch).await;
        }
        ReslugCategory { category: n, name } => {
            let patch =
                CategoryPatch { slug: Some(slug(&format!("c{name}"))), ..CategoryPatch::default() };
            edit_category(shop, category(*n), patch).await;
        }
        MoveCategory { category: n, parent } => {
            let parent = Some(parent.map(|n| category(n).id));
            edit_category(shop, category(*n), CategoryPatch { parent, ..CategoryPatch::default() })
                .await;
        }
        ReorderCategory { category: n, position } => {
            let patch = CategoryPatch { position: Some(*position), ..CategoryPatch::default() };
            edit_category(shop, category(*n), patch).await;
        }
        DeleteCategory { category: n } => {
            let gone = category(*n);
            let is_empty = products.iter().all(|found| found.product.category != gone.id);
            if is_empty && categories.len() > 1 {
                let head = shop.head().await;
                let _ = catalog.delete_category(gone.id, gone.version, head, by).await;
            }
        }
        ManualCollection { products } => {
            create_collection(shop, Membership::Manual { products: ids(products) }).await;
        }
        RuleCollection { category: n, in_stock, price_max } => {
            let rule = Rule {
                category: n.map(|n| category(n).id),
                in_stock: *in_stock,
                price_max: *price_max,
                ..Rule::default()
            };
            create_collection(shop, Membership::Rule { rule }).await;
        }
        ReslugCollection { collection: n, name } => {
            let to = Some(slug(&format!("k{name}")));
            let patch = CollectionPatch { slug: to, ..CollectionPatch::default() };
            let found = some!(collection(*n));
            let _ = catalog.update_collection(found.id, found.version, &patch, by).await;
        }
        EditCollection { collection: n, products } => {
            let membership = Some(Membership::Manual { products: ids(products) });
            let patch = CollectionPatch { membership, ..CollectionPatch::default() };
            let found = some!(collection(*n));
            let _ = catalog.update_collection(found.id, found.version, &patch, by).await;
        }
        DeleteCollection { collection: n } => {
            let found = some!(collection(*n));
            catalog.delete_collection(found.id, found.version, by).await.unwrap();
        }
        SetFeatured { products } => {
            let version = catalog.featured().await.unwrap().version;
            let _ = catalog.set_featured(version, &ids(products), by).await;
        }
        SetRanking { category: n, products } => {
            let of = n.map(|n| category(n).id);
            let _ = catalog.set_ranking(of, &ids(products), by).await;
        }
        Import { rows } => {
            let rows: Vec<_> = rows
                .iter()
                .map(|(name, at, price, featured)| {
                    let name = format!("p{name}");
                    let mut row = upsert(&name, category(*at).id);
                    row.slug = Some(slug(&name));
                    row.price = money(*price);
                    row.stock = Some(price / 500 - 1);
                    row.featured = Some(*featured);
                    row
                })
                .collect();
            let mut bulk = Bulk::new(catalog.clone(), by.clone()).await.unwrap();
            bulk.apply(&rows, |_| Ok(None)).await.unwrap();
            bulk.finish().await.unwrap();
        }
    }
}

async fn edit(shop: &Shop, found: &CatalogProduct, patch: ProductPatch) {
    let (id, version) = (found.product.id, found.product.version);
    let _ = shop.catalog.update_product(id, version, &patch, &shop.by).await;
}

async fn edit_category(shop: &Shop, found: &Category, patch: CategoryPatch) {
    let _ = shop.catalog.update_category(found.id, found.version, &patch, &shop.by).await;
}

async fn create_collection(shop: &Shop, membership: Membership) {
    let draft = CollectionDraft { name: "k".into(), slug: None, membership };
    let _ = shop.catalog.create_collection(&draft, &shop.by).await;
}

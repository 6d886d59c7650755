//! Drafts with little in them, of few names, so that admins meet.

use std::collections::BTreeMap;

use domain::draft::{CategoryDraft, CollectionDraft, ProductDraft, VariantDraft};
use domain::{CategoryId, Currency, Membership, Money, Ref, Sku, Slug, Status};
use simulation::Entropy;
use store::Upsert;

pub const PRODUCTS: u64 = 8;
pub const SKUS: u64 = 14;
const CATEGORIES: u64 = 5;
const COLLECTIONS: u64 = 4;
const STOCK: u64 = 20;

pub fn usd() -> Currency {
    "USD".parse().expect("a currency")
}

pub fn money(amount: u64) -> Money {
    Money { amount: amount as i64, currency: usd() }
}

pub fn product_slug(number: u64) -> Slug {
    format!("tent-{number}").parse().expect("a slug")
}

pub fn sku(number: u64) -> Sku {
    format!("SKU-{number}").parse().expect("a SKU")
}

pub fn any_product_slug(entropy: &Entropy) -> Slug {
    product_slug(entropy.below(PRODUCTS))
}

pub fn any_sku(entropy: &Entropy) -> Sku {
    sku(entropy.below(SKUS))
}

pub fn any_price(entropy: &Entropy) -> Money {
    money(100 * (1 + entropy.below(50)))
}

pub fn variant(entropy: &Entropy, sku: &Sku) -> VariantDraft {
    VariantDraft {
        sku: sku.clone(),
        options: BTreeMap::from([("size".to_owned(), sku.to_string())]),
        price: any_price(entropy),
        compare_at: None,
        stock: entropy.below(STOCK) as i64,
    }
}

pub fn product(entropy: &Entropy, slug: &Slug, category: CategoryId) -> ProductDraft {
    let mut skus: Vec<_> = (0..1 + entropy.below(3)).map(|_| any_sku(entropy)).collect();
    skus.sort_unstable();
    skus.dedup();

    ProductDraft {
        name: slug.to_string(),
        slug: (!entropy.happens(200)).then(|| slug.clone()),
        description: String::new(),
        brand: None,
        category: Ref::Id(category),
        status: any_status(entropy),
        images: Vec::new(),
        attributes: BTreeMap::new(),
        variants: skus.iter().map(|sku| variant(entropy, sku)).collect(),
    }
}

pub fn any_status(entropy: &Entropy) -> Status {
    if entropy.happens(500) { Status::Published } else { Status::Draft }
}

pub fn any_category_name(entropy: &Entropy) -> String {
    format!("Category {}", entropy.below(CATEGORIES))
}

pub fn category(name: String, parent: Option<CategoryId>) -> CategoryDraft {
    CategoryDraft { name, slug: None, parent, position: 0 }
}

pub fn collection(entropy: &Entropy, membership: Membership) -> CollectionDraft {
    let name = format!("Collection {}", entropy.below(COLLECTIONS));

    CollectionDraft { name, slug: None, membership }
}

pub fn row(entropy: &Entropy, category: CategoryId) -> Upsert {
    let slug = any_product_slug(entropy);
    let sku = any_sku(entropy);

    Upsert {
        name: slug.to_string(),
        slug: entropy.happens(500).then_some(slug),
        description: None,
        brand: None,
        category,
        status: None,
        images: None,
        attributes: BTreeMap::new(),
        options: BTreeMap::from([("size".to_owned(), Some(sku.to_string()))]),
        price: any_price(entropy),
        compare_at: None,
        stock: (!entropy.happens(300)).then(|| entropy.below(STOCK) as i64),
        featured: entropy.happens(100).then(|| entropy.happens(500)),
        sku,
    }
}

//! Drafts with little in them.

use std::collections::BTreeMap;

use domain::draft::{CategoryDraft, CollectionDraft, ProductDraft, VariantDraft};
use domain::{CategoryId, Currency, Membership, Money, Ref, Sku, Slug, Status};
use store::Upsert;

pub fn usd() -> Currency {
    "USD".parse().unwrap()
}

pub fn money(amount: i64) -> Money {
    Money { amount, currency: usd() }
}

pub fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

pub fn sku(text: &str) -> Sku {
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

pub fn collection_draft(name: &str, membership: Membership) -> CollectionDraft {
    CollectionDraft { name: name.to_owned(), slug: None, membership }
}

/// A row of an import: one piece of content that every product has, and nothing else said.
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

//! Products, categories and queries in a line each.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test stops there")]

pub mod retail;

use domain::{
    Availability, CatalogProduct, Category, CategoryId, Collection, CollectionId, Currency,
    ListQuery, LogId, Membership, Money, Product, ProductId, Ref, Rule, Seq, Stamp, Status,
    Timestamp, Variant, VariantId,
};
use search::{Card, CatalogSnapshot, ListPage, SnapshotDelta};
use serde_json::Value;

pub fn stamp(seq: u64) -> Stamp {
    Stamp { log: LogId::new("L").unwrap(), seq: Seq(seq) }
}

pub fn product_id(number: u64) -> ProductId {
    ProductId::new(Timestamp::from_millis(number), 7)
}

pub fn variant_id(number: u64) -> VariantId {
    VariantId::new(Timestamp::from_millis(number), 7)
}

pub fn category_id(number: u64) -> CategoryId {
    CategoryId::new(Timestamp::from_millis(number), 7)
}

pub fn collection_id(number: u64) -> CollectionId {
    CollectionId::new(Timestamp::from_millis(number), 7)
}

pub fn category(number: u64, name: &str, parent: Option<u64>) -> Category {
    Category {
        id: category_id(number),
        slug: domain::Slug::of_name(name).unwrap(),
        name: name.into(),
        parent: parent.map(category_id),
        position: 0,
        version: 1,
        updated_at: Timestamp::default(),
    }
}

pub fn manual(number: u64, products: &[u64]) -> Collection {
    let products = products.iter().copied().map(product_id).collect();

    collection(number, Membership::Manual { products })
}

pub fn ruled(number: u64, rule: Rule) -> Collection {
    collection(number, Membership::Rule { rule })
}

fn collection(number: u64, membership: Membership) -> Collection {
    Collection {
        id: collection_id(number),
        slug: format!("collection-{number}").parse().unwrap(),
        name: format!("Collection {number}"),
        membership,
        version: 1,
        updated_at: Timestamp::default(),
    }
}

/// A product of category 1 with one variant, in stock for 10.00.
pub fn product(number: u64, name: &str) -> CatalogProduct {
    let id = product_id(number);

    CatalogProduct {
        product: Product {
            id,
            slug: format!("product-{number}").parse().unwrap(),
            name: name.into(),
            description: String::new(),
            brand: None,
            category: category_id(1),
            status: Status::Published,
            images: Vec::new(),
            attributes: [].into(),
            variants: vec![variant_id(number)],
            version: 1,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        },
        variants: vec![Variant {
            id: variant_id(number),
            product: id,
            sku: format!("SKU-{number}").parse().unwrap(),
            options: [].into(),
            price: Money::new(1_000, Currency::USD),
            compare_at: None,
            availability: Availability::InStock,
            level_version: 1,
            version: 1,
            updated_at: Timestamp::default(),
        }],
    }
}

/// How a product differs from [`product`].
pub trait But: Sized {
    fn but(self, change: impl FnOnce(&mut Product, &mut Variant)) -> Self;

    fn described(self, description: &str) -> Self {
        self.but(|product, _| product.description = description.into())
    }

    fn brand(self, brand: &str) -> Self {
        self.but(|product, _| product.brand = Some(brand.into()))
    }

    fn within(self, category: u64) -> Self {
        self.but(|product, _| product.category = category_id(category))
    }

    fn attribute(self, name: &str, value: &str) -> Self {
        self.but(|product, _| {
            product.attributes.insert(name.into(), value.into());
        })
    }

    fn price(self, amount: i64) -> Self {
        self.but(|_, variant| variant.price.amount = amount)
    }

    fn sku(self, sku: &str) -> Self {
        self.but(|_, variant| variant.sku = sku.parse().unwrap())
    }

    fn is(self, availability: Availability) -> Self {
        self.but(|_, variant| variant.availability = availability)
    }

    fn draft(self) -> Self {
        self.but(|product, _| product.status = Status::Draft)
    }
}

impl But for CatalogProduct {
    fn but(mut self, change: impl FnOnce(&mut Product, &mut Variant)) -> Self {
        change(&mut self.product, &mut self.variants[0]);
        self
    }
}

/// A shop with the categories Bags (1), Backpacks (2, below Bags) and Clothes (3).
pub fn snapshot(products: impl IntoIterator<Item = CatalogProduct>) -> CatalogSnapshot {
    let categories = vec![
        category(1, "Bags", None),
        category(2, "Backpacks", Some(1)),
        category(3, "Clothes", None),
    ];
    let delta =
        SnapshotDelta { categories: Some(categories), ..SnapshotDelta::with_products(products) };

    CatalogSnapshot::default().after(delta, stamp(1))
}

pub fn searching(q: &str) -> ListQuery {
    ListQuery { q: Some(q.into()), ..ListQuery::default() }
}

pub fn of_category(slug: &str) -> ListQuery {
    ListQuery { category: Some(Ref::Slug(slug.parse().unwrap())), ..ListQuery::default() }
}

pub fn names(cards: &[Card]) -> Vec<String> {
    cards.iter().map(|card| json(card)["name"].as_str().unwrap().to_owned()).collect()
}

pub fn json(card: &Card) -> Value {
    serde_json::from_slice(&card.to_json()).unwrap()
}

/// The names that a search finds, best first.
pub fn found(snapshot: &CatalogSnapshot, q: &str) -> Vec<String> {
    names(&snapshot.list(&searching(q)).unwrap().cards)
}

/// All pages of a list, one behind the other.
pub fn walk(snapshot: &CatalogSnapshot, query: &ListQuery) -> Vec<ListPage> {
    let mut pages = vec![snapshot.list(query).unwrap()];

    while let Some(cursor) = pages.last().unwrap().next.clone() {
        let query = ListQuery { cursor: Some(cursor), ..query.clone() };
        pages.push(snapshot.list(&query).unwrap());
        assert!(pages.len() < 10_000, "the walk does not end");
    }
    pages
}

pub fn walked_ids(snapshot: &CatalogSnapshot, query: &ListQuery) -> Vec<ProductId> {
    let pages = walk(snapshot, query);

    pages.iter().flat_map(|page| &page.cards).map(Card::id).collect()
}

pub fn counts(page: &ListPage, facet: &str) -> Vec<(String, u64)> {
    let found = page.facets.iter().find(|found| found.name == facet);
    let values = found.into_iter().flat_map(|found| &found.values);

    values.map(|value| (value.value.clone(), value.count)).collect()
}

//! The catalogue, its change log, and what is known of the store.

use domain::{CategoryId, CollectionId, Entity, ProductId, Seq, Slug, VariantId};
use ports::{Key, Table};

pub const PRODUCT_PREFIX: &str = "product#";
pub const VARIANT_PREFIX: &str = "variant#";
const LOG_ROW_PREFIX: &str = "row#";

/// Which kind of thing answers to a slug; each kind has its own name space.
#[derive(Clone, Copy, Debug)]
pub enum SlugOf {
    Product,
    Category,
    Collection,
}

pub fn product_partition(id: ProductId) -> String {
    format!("{PRODUCT_PREFIX}{id}")
}

pub fn product(id: ProductId) -> Key {
    Key::new(Table::Catalog, product_partition(id), "product")
}

pub fn variant(product: ProductId, id: VariantId) -> Key {
    Key::new(Table::Catalog, product_partition(product), format!("{VARIANT_PREFIX}{id}"))
}

/// Leads from a variant to its product.
pub fn variant_pointer(id: VariantId) -> Key {
    Key::new(Table::Catalog, format!("{VARIANT_PREFIX}{id}"), "pointer")
}

/// Makes a slug unique, and leads to what it names.
pub fn slug(of: SlugOf, slug: &Slug) -> Key {
    let kind = match of {
        SlugOf::Product => "product",
        SlugOf::Category => "category",
        SlugOf::Collection => "collection",
    };

    Key::new(Table::Catalog, format!("slug#{slug}"), kind)
}

pub const CATEGORIES: &str = "categories";
pub const COLLECTIONS: &str = "collections";
pub const LISTS: &str = "lists";
pub const LOG: &str = "log";

pub fn category(id: CategoryId) -> Key {
    Key::new(Table::Catalog, CATEGORIES, id.to_string())
}

pub fn collection(id: CollectionId) -> Key {
    Key::new(Table::Catalog, COLLECTIONS, id.to_string())
}

pub fn featured() -> Key {
    Key::new(Table::Catalog, LISTS, Entity::Featured.to_string())
}

/// A ranking is stored under the name that the change log has for it.
pub fn ranking(category: Option<CategoryId>) -> Key {
    Key::new(Table::Catalog, LISTS, Entity::Bestsellers(category).to_string())
}

/// Whether an item among the lists is a ranking.
pub fn is_ranking(key: &Key) -> bool {
    matches!(Entity::from(key.sk.as_str()), Entity::Bestsellers(_))
}

/// Counts the writes that the tags of other writes depend on.
pub fn tag_context() -> Key {
    Key::new(Table::Catalog, LISTS, "surroundings")
}

pub fn log_head() -> Key {
    Key::new(Table::Catalog, LOG, "head")
}

/// Twenty digits hold any `u64`, so that the rows sort by number.
pub fn log_row(seq: Seq) -> Key {
    Key::new(Table::Catalog, LOG, format!("{LOG_ROW_PREFIX}{:020}", seq.0))
}

/// What is known of the store as a whole, by name.
pub fn store_metadata(name: &str) -> Key {
    Key::new(Table::Catalog, "marks", name)
}

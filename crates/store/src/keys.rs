//! Where each item stands.

use domain::{CategoryId, CollectionId, ProductId, Seq, Sku, Slug, Timestamp, VariantId};
use ports::{Key, Table};

pub const PRODUCT_PREFIX: &str = "product#";
pub const VARIANT_PREFIX: &str = "variant#";
pub const LOG_ROW_PREFIX: &str = "row#";
pub const LEDGER_PREFIX: &str = "ledger#";

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
/// Every ranking's sort key begins so.
pub const BESTSELLERS: &str = "bestsellers";
pub const LOG: &str = "log";
pub const ADMIN_KEYS: &str = "admin-keys";

pub fn category(id: CategoryId) -> Key {
    Key::new(Table::Catalog, CATEGORIES, id.to_string())
}

pub fn collection(id: CollectionId) -> Key {
    Key::new(Table::Catalog, COLLECTIONS, id.to_string())
}

pub fn featured() -> Key {
    Key::new(Table::Catalog, LISTS, "featured")
}

pub fn ranking(category: Option<CategoryId>) -> Key {
    let sk = match category {
        Some(category) => format!("{BESTSELLERS}#{category}"),
        None => BESTSELLERS.to_owned(),
    };

    Key::new(Table::Catalog, LISTS, sk)
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

/// Also what makes a SKU unique; stays when its variant goes.
pub fn level(sku: &Sku) -> Key {
    Key::new(Table::Inventory, level_partition(sku), "level")
}

pub fn ledger(sku: &Sku, version: u64) -> Key {
    Key::new(Table::Inventory, level_partition(sku), format!("{LEDGER_PREFIX}{version:020}"))
}

pub fn level_partition(sku: &Sku) -> String {
    format!("sku#{sku}")
}

/// Stands under what caused it, so that what moved for one order is found by the order.
pub fn movement(cause: &str, kind: &str) -> Key {
    Key::new(Table::Inventory, format!("movement#{cause}"), kind)
}

/// A month a partition, so that none grows for ever.
pub fn audit_partition(at: Timestamp) -> String {
    format!("audit#{:.7}", at.to_string())
}

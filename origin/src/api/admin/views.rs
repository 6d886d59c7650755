//! The JSON of the admin API: everything that is stored, with versions.

use std::collections::BTreeMap;

use domain::{
    Availability, CatalogProduct, Category, CategoryId, CollectionId, Image, Membership, Money,
    ProductId, Sku, Slug, Status, StockLevel, Timestamp, Variant, VariantId,
};
use serde::Serialize;

/// `{"data":[…],"next_cursor":…}`
#[derive(Serialize, utoipa::ToSchema)]
pub struct Listed<T> {
    pub data: Vec<T>,
    pub next_cursor: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct AdminProduct {
    pub id: ProductId,
    pub slug: Slug,
    pub name: String,
    pub description: String,
    pub brand: Option<String>,
    pub category: CategoryId,
    pub status: Status,
    pub images: Vec<Image>,
    pub attributes: BTreeMap<String, String>,
    pub variants: Vec<AdminVariant>,
    pub version: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct AdminVariant {
    pub id: VariantId,
    pub product: ProductId,
    pub sku: Sku,
    pub options: BTreeMap<String, String>,
    pub price: Money,
    pub compare_at: Option<Money>,
    pub availability: Availability,
    pub version: u64,
    pub updated_at: Timestamp,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct AdminCategory {
    pub id: CategoryId,
    pub slug: Slug,
    pub name: String,
    pub parent: Option<CategoryId>,
    pub position: i64,
    pub version: u64,
    pub updated_at: Timestamp,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct AdminCollection {
    pub id: CollectionId,
    pub slug: Slug,
    pub name: String,
    pub membership: Membership,
    pub version: u64,
    pub updated_at: Timestamp,
}

/// `on_hand = available + held + allocated`
#[derive(Serialize, utoipa::ToSchema)]
pub struct Inventory {
    pub sku: Sku,
    pub on_hand: i64,
    pub available: i64,
    pub held: i64,
    pub allocated: i64,
    pub product: ProductId,
    pub variant: VariantId,
    pub version: u64,
}

impl From<CatalogProduct> for AdminProduct {
    fn from(CatalogProduct { product, variants }: CatalogProduct) -> Self {
        Self {
            id: product.id,
            slug: product.slug,
            name: product.name,
            description: product.description,
            brand: product.brand,
            category: product.category,
            status: product.status,
            images: product.images,
            attributes: product.attributes,
            variants: variants.into_iter().map(AdminVariant::from).collect(),
            version: product.version,
            created_at: product.created_at,
            updated_at: product.updated_at,
        }
    }
}

impl From<Variant> for AdminVariant {
    fn from(variant: Variant) -> Self {
        Self {
            id: variant.id,
            product: variant.product,
            sku: variant.sku,
            options: variant.options,
            price: variant.price,
            compare_at: variant.compare_at,
            availability: variant.availability,
            version: variant.version,
            updated_at: variant.updated_at,
        }
    }
}

impl From<Category> for AdminCategory {
    fn from(category: Category) -> Self {
        Self {
            id: category.id,
            slug: category.slug,
            name: category.name,
            parent: category.parent,
            position: category.position,
            version: category.version,
            updated_at: category.updated_at,
        }
    }
}

impl From<domain::Collection> for AdminCollection {
    fn from(collection: domain::Collection) -> Self {
        Self {
            id: collection.id,
            slug: collection.slug,
            name: collection.name,
            membership: collection.membership,
            version: collection.version,
            updated_at: collection.updated_at,
        }
    }
}

impl From<StockLevel> for Inventory {
    fn from(level: StockLevel) -> Self {
        Self {
            sku: level.sku,
            on_hand: level.on_hand,
            available: level.available,
            held: level.held,
            allocated: level.allocated,
            product: level.product,
            variant: level.variant,
            version: level.version,
        }
    }
}

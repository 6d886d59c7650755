//! A product and its variants, as they are stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{CategoryId, Image, Money, ProductId, Sku, Slug, Timestamp, VariantId};

/// What shoppers may see of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    #[default]
    Published,
    /// Known to admins alone.
    Draft,
}

/// How much of it is left, in words: an exact count would change the page at every sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    InStock,
    Low,
    Out,
}

/// What all variants of a product share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub id: ProductId,
    pub slug: Slug,
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub brand: Option<String>,
    pub category: CategoryId,
    #[serde(default)]
    pub status: Status,
    #[serde(default, deserialize_with = "crate::image::stored")]
    pub images: Vec<Image>,
    /// For facets: `style` → `backpack`. Names match `[a-z0-9_]{1,32}`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The order of the variants; each is an item of its own.
    pub variants: Vec<VariantId>,
    /// Counts the admin's edits of the product and of its variants.
    pub version: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What is put into a cart: one SKU at one price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    pub id: VariantId,
    pub product: ProductId,
    pub sku: Sku,
    /// `size` → `M`. Empty when the product has this variant alone.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    pub price: Money,
    /// The price before a reduction, if it is shown struck through.
    #[serde(default)]
    pub compare_at: Option<Money>,
    pub availability: Availability,
    /// The moves of the stock level that `availability` was worked out from.
    pub level_version: u64,
    /// Counts the admin's edits of the variant.
    pub version: u64,
    pub updated_at: Timestamp,
}

/// A product with its variants in order; never without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogProduct {
    pub product: Product,
    pub variants: Vec<Variant>,
}

impl Availability {
    /// Three is the most that still reads as "nearly gone" on a page.
    pub const LOW_AT_MOST: i64 = 3;

    pub const fn of(available: i64) -> Self {
        match available {
            ..=0 => Self::Out,
            1..=Self::LOW_AT_MOST => Self::Low,
            _ => Self::InStock,
        }
    }

    /// The least and the most pieces that are shown as this; in stock has no most.
    pub const fn bounds(self) -> (i64, Option<i64>) {
        match self {
            Self::Out => (0, Some(0)),
            Self::Low => (1, Some(Self::LOW_AT_MOST)),
            Self::InStock => (Self::LOW_AT_MOST + 1, None),
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InStock => "in_stock",
            Self::Low => "low",
            Self::Out => "out",
        }
    }
}

impl CatalogProduct {
    /// The variant whose price stands for the product: the cheapest one, the first of equals.
    pub fn leading(&self) -> Option<&Variant> {
        self.variants.iter().min_by_key(|variant| variant.price.amount)
    }

    /// The best availability of any variant.
    pub fn availability(&self) -> Availability {
        let best = self.variants.iter().map(|variant| variant.availability).min();

        best.unwrap_or(Availability::Out)
    }

    pub fn is_published(&self) -> bool {
        self.product.status == Status::Published
    }
}

/// Whether `name` may name an attribute or an option: it becomes the parameter `attr.NAME`.
pub fn is_attribute_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

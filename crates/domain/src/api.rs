//! The shapes that the API answers with. Fields may be added and are never renamed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Availability, CatalogProduct, Category, CategoryId, CategoryTree, Image, Money, ProductId, Sku,
    Slug, Timestamp, VariantId,
};

/// A product as its own page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProductView<'a> {
    #[serde(flatten)]
    pub card: CardView<'a>,
    pub description: Cow<'a, str>,
    pub variants: Vec<VariantView<'a>>,
}

/// A product as lists show it: the same fields without description and variants, and with one
/// picture, so that a page of a hundred stays small.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CardView<'a> {
    pub id: ProductId,
    pub slug: Cow<'a, Slug>,
    pub name: Cow<'a, str>,
    pub brand: Option<Cow<'a, str>>,
    pub category: CategoryLink<'a>,
    /// The lowest price of any variant.
    pub price: Money,
    pub compare_at: Option<Money>,
    /// The best of any variant.
    pub availability: Availability,
    /// In lists the first one alone, on a product's own page all.
    pub images: Cow<'a, [Image]>,
    pub attributes: Cow<'a, BTreeMap<String, String>>,
    pub version: u64,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CategoryLink<'a> {
    pub id: CategoryId,
    pub slug: Cow<'a, Slug>,
    pub name: Cow<'a, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VariantView<'a> {
    pub id: VariantId,
    pub sku: Cow<'a, Sku>,
    pub options: Cow<'a, BTreeMap<String, String>>,
    pub price: Money,
    pub compare_at: Option<Money>,
    pub availability: Availability,
}

/// `{"name":"brand","values":[{"value":"Acme","count":3}]}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Facet {
    /// `category`, `brand`, `availability` or `attr.NAME`: the parameter that filters by it.
    pub name: String,
    /// The most frequent first, at most 100.
    pub values: Vec<FacetValue>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FacetValue {
    pub value: String,
    /// How the value is called, where that differs from it (a category's name).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CategoryNode<'a> {
    pub id: CategoryId,
    pub slug: Cow<'a, Slug>,
    pub name: Cow<'a, str>,
    /// Published products in it and below it.
    pub product_count: u64,
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub children: Vec<CategoryNode<'a>>,
}

impl<'a> CardView<'a> {
    /// `None` without a variant or when its category is gone, which no committed state has.
    pub fn of(listed: &'a CatalogProduct, tree: &'a CategoryTree) -> Option<Self> {
        let product = &listed.product;
        let leading = listed.leading()?;
        let category = tree.get(product.category)?;

        Some(Self {
            id: product.id,
            slug: Cow::Borrowed(&product.slug),
            name: Cow::Borrowed(&product.name),
            brand: product.brand.as_deref().map(Cow::Borrowed),
            category: CategoryLink::of(category),
            price: leading.price,
            compare_at: leading.compare_at,
            availability: listed.availability(),
            images: Cow::Borrowed(product.images.get(..1).unwrap_or_default()),
            attributes: Cow::Borrowed(&product.attributes),
            version: product.version,
            updated_at: product.updated_at,
        })
    }
}

impl<'a> ProductView<'a> {
    /// As [`CardView::of`].
    pub fn of(shown: &'a CatalogProduct, tree: &'a CategoryTree) -> Option<Self> {
        let variants = shown.variants.iter().map(|variant| VariantView {
            id: variant.id,
            sku: Cow::Borrowed(&variant.sku),
            options: Cow::Borrowed(&variant.options),
            price: variant.price,
            compare_at: variant.compare_at,
            availability: variant.availability,
        });

        Some(Self {
            card: CardView {
                images: Cow::Borrowed(&shown.product.images),
                ..CardView::of(shown, tree)?
            },
            description: Cow::Borrowed(&shown.product.description),
            variants: variants.collect(),
        })
    }
}

impl<'a> CategoryLink<'a> {
    pub fn of(category: &'a Category) -> Self {
        Self {
            id: category.id,
            slug: Cow::Borrowed(&category.slug),
            name: Cow::Borrowed(&category.name),
        }
    }
}

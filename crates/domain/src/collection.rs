//! Collections: products put together by hand or by a rule.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Availability, CatalogProduct, CategoryId, CategoryTree, CollectionId, ProductId, Slug,
    Timestamp,
};

/// One DynamoDB item holds the list (a product id takes about 40 bytes of its 400 KB), and one
/// audit row must fit beside it.
pub const MANUAL_MAX: usize = 2_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    pub id: CollectionId,
    pub slug: Slug,
    pub name: String,
    pub membership: Membership,
    pub version: u64,
    pub updated_at: Timestamp,
}

/// Who is in it: `{"kind":"manual","products":[…]}` or `{"kind":"rule","rule":{…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", try_from = "MembershipFields")]
pub enum Membership {
    Manual {
        #[cfg_attr(feature = "openapi", schema(max_items = 2000))]
        products: Vec<ProductId>,
    },
    Rule {
        rule: Rule,
    },
}

/// [`Membership`] as it is read: serde reads a tagged enum into memory first and can't tell where
/// in it a mistake is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
struct MembershipFields {
    kind: MembershipKind,
    #[serde(default)]
    products: Option<Vec<ProductId>>,
    #[serde(default)]
    rule: Option<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MembershipKind {
    Manual,
    Rule,
}

impl TryFrom<MembershipFields> for Membership {
    type Error = &'static str;

    fn try_from(fields: MembershipFields) -> Result<Self, &'static str> {
        match (fields.kind, fields.products, fields.rule) {
            (MembershipKind::Manual, Some(products), None) => Ok(Self::Manual { products }),
            (MembershipKind::Rule, None, Some(rule)) => Ok(Self::Rule { rule }),
            (MembershipKind::Manual, ..) => Err("a manual collection has `products` alone"),
            (MembershipKind::Rule, ..) => Err("a collection by rule has a `rule` alone"),
        }
    }
}

/// Every condition that is given must hold; a rule without conditions takes every product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Rule {
    /// This category or one below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<CategoryId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Minor units, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub price_min: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub price_max: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_stock: Option<bool>,
    /// A price before reduction is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_sale: Option<bool>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

crate::object::from_objects_alone!(MembershipFields, Rule + Serialize);

impl Rule {
    /// Whether a product is in the collection.
    pub fn matches(&self, listed: &CatalogProduct, tree: &CategoryTree) -> bool {
        let product = &listed.product;
        let price = listed.leading().map(|variant| variant.price.amount);
        let in_stock = listed.availability() != Availability::Out;
        let on_sale = listed.leading().is_some_and(|variant| variant.compare_at.is_some());
        let within = |category: &CategoryId| tree.lineage(product.category).contains(category);

        self.category.as_ref().is_none_or(within)
            && self.brand.as_ref().is_none_or(|brand| product.brand.as_ref() == Some(brand))
            && self.price_min.is_none_or(|min| price.is_some_and(|price| price >= min))
            && self.price_max.is_none_or(|max| price.is_some_and(|price| price <= max))
            && self.in_stock.is_none_or(|wanted| wanted == in_stock)
            && self.on_sale.is_none_or(|wanted| wanted == on_sale)
            && self
                .attributes
                .iter()
                .all(|(name, value)| product.attributes.get(name) == Some(value))
    }
}

impl Collection {
    pub fn contains(&self, listed: &CatalogProduct, tree: &CategoryTree) -> bool {
        match &self.membership {
            Membership::Manual { products } => products.contains(&listed.product.id),
            Membership::Rule { rule } => rule.matches(listed, tree),
        }
    }
}

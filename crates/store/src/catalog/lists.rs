//! Lists in an order of an admin's choosing: featured products, and bestseller rankings.

use std::collections::HashMap;

use domain::{CategoryId, Entity, ProductId};
use serde::{Deserialize, Serialize};

/// More than fit on any front page.
pub const FEATURED_MAX: usize = 200;
/// The deepest page of bestsellers that is offered.
pub const RANKING_MAX: usize = 100;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeaturedList {
    pub products: Vec<ProductId>,
    /// 0 when nothing was ever featured.
    pub version: u64,
}

/// The best sellers of the shop, or of a category, best first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranking {
    #[serde(default)]
    pub category: Option<CategoryId>,
    pub products: Vec<ProductId>,
    pub version: u64,
}

impl Ranking {
    /// As rows of the change log name it.
    pub const fn entity(&self) -> Entity {
        Entity::Bestsellers(self.category)
    }
}

/// By category; the shop's own under `None`.
pub(crate) type Rankings = HashMap<Option<CategoryId>, Ranking>;

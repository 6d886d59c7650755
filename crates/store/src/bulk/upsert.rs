//! What a job is given, and what it answers.

use std::collections::BTreeMap;

use domain::{CategoryId, FieldError, Image, Money, ProductId, Sku, Slug, Status};

/// One row: a variant, and what its product should be. What is left out (the outer `None`) stays as
/// it is, and is empty in a new product.
///
/// A product's own fields come from the row of its first variant alone, so that rows of one product
/// that differ can't pull it to and fro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upsert {
    pub sku: Sku,
    /// Given: rows with the same slug are variants of one product. Left out: the product of the
    /// SKU, or a new one under a slug made of its name.
    pub slug: Option<Slug>,
    pub name: String,
    pub description: Option<String>,
    pub brand: Option<Option<String>>,
    pub category: CategoryId,
    pub status: Option<Status>,
    pub images: Option<Vec<Image>>,
    /// Merged: a name with `None` is taken out.
    pub attributes: BTreeMap<String, Option<String>>,
    /// Merged as well.
    pub options: BTreeMap<String, Option<String>>,
    pub price: Money,
    pub compare_at: Option<Option<Money>>,
    /// Pieces on hand; left out: nothing is said about stock (none, for a new SKU).
    pub stock: Option<i64>,
    /// Left out: the featured list stays as it is.
    pub featured: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created(ProductId),
    Updated(ProductId),
    Unchanged(ProductId),
    /// Why this row did not go in; `pointer` names its column.
    Refused(FieldError),
}

pub(super) fn refused(column: &str, code: &'static str, detail: impl Into<String>) -> FieldError {
    FieldError::new(column, code, detail)
}

//! One row of a catalogue file: one variant, with the fields of its product.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Image, Money, Sku, Slug, Status};

use crate::{Column, RowError};

/// A row as it was read. Rows with the same explicit `slug` are the variants of one product; the
/// fields of the product are taken from the first of them, and `options` tells them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogRow {
    /// Where the row begins in its file, from 1.
    pub line: u64,
    pub sku: Sku,
    pub slug: Option<Slug>,
    pub name: String,
    pub description: Option<String>,
    /// From the root to the product's own category; never empty.
    pub category: Vec<String>,
    pub price: Money,
    pub compare_at: Option<Money>,
    pub stock: Option<i64>,
    pub brand: Option<String>,
    pub images: Vec<Image>,
    pub featured: Option<bool>,
    pub status: Option<Status>,
    pub options: BTreeMap<String, String>,
    pub attributes: BTreeMap<String, String>,
    /// The columns that the row has and leaves empty. Such a field is cleared; a field whose column
    /// the file does not have at all stays as it is.
    pub blank: BTreeSet<Column>,
    /// What was left out or read otherwise than it is written. None of it costs the row.
    pub warnings: Vec<RowError>,
}

impl CatalogRow {
    /// A row with what every row must have.
    pub fn new(sku: Sku, name: impl Into<String>, category: Vec<String>, price: Money) -> Self {
        Self {
            line: 0,
            sku,
            slug: None,
            name: name.into(),
            description: None,
            category,
            price,
            compare_at: None,
            stock: None,
            brand: None,
            images: Vec::new(),
            featured: None,
            status: None,
            options: BTreeMap::new(),
            attributes: BTreeMap::new(),
            blank: BTreeSet::new(),
            warnings: Vec::new(),
        }
    }
}

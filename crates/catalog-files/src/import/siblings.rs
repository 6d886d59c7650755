//! Rows of one product that differ: its fields come from its first row, and a later row that says
//! otherwise is told so.

use std::collections::HashMap;

use domain::{Image, Slug};

use crate::error::shown;
use crate::{CatalogRow, Column, ErrorCode, Mapping, RowError};

/// Rows of one product stand close together, so the products before these can be forgotten. A few
/// megabytes.
const PRODUCTS_MAX: usize = 4_096;

/// The first row of each product, of the latest products.
#[derive(Debug, Default)]
pub(super) struct Siblings(HashMap<Slug, FirstRow>);

/// What a product takes from its first row.
#[derive(Debug)]
struct FirstRow {
    line: u64,
    name: String,
    category: Vec<String>,
    brand: Option<String>,
    description: Option<String>,
    images: Vec<Image>,
}

impl Siblings {
    /// Warns in `row` of each value that its product does not take. Its category becomes the
    /// product's, so that none is made for nothing.
    pub(super) fn compare(&mut self, row: &mut CatalogRow, raw: &str, mapping: &Mapping) {
        let Some(slug) = &row.slug else { return };
        let Some(first) = self.0.get(slug) else {
            if self.0.len() >= PRODUCTS_MAX {
                self.0.clear();
            }
            self.0.insert(slug.clone(), FirstRow::of(row));
            return;
        };

        for (column, detail) in first.differences(row) {
            let theirs = mapping.theirs(&column.to_string()).to_owned();
            let warning = RowError {
                raw: raw.to_owned(),
                ..RowError::new(row.line, ErrorCode::DiffersFromProduct, detail).in_column(theirs)
            };
            row.warnings.push(warning);
        }
        row.category.clone_from(&first.category);
    }
}

impl FirstRow {
    fn of(row: &CatalogRow) -> Self {
        Self {
            line: row.line,
            name: row.name.clone(),
            category: row.category.clone(),
            brand: row.brand.clone(),
            description: row.description.clone(),
            images: row.images.clone(),
        }
    }

    /// A value that the row leaves out differs from nothing.
    fn differences(&self, row: &CatalogRow) -> Vec<(Column, String)> {
        let line = self.line;
        let texts = [
            (Column::Name, Some(&*row.name), Some(&*self.name)),
            (Column::Brand, row.brand.as_deref(), self.brand.as_deref()),
            (Column::Description, row.description.as_deref(), self.description.as_deref()),
        ];
        let (given, used) = (row.category.join(" > "), self.category.join(" > "));
        let category = (Column::Category, Some(&*given), Some(&*used));
        let texts = texts.into_iter().chain([category]);
        let differing = texts.filter(|(_, given, used)| given.is_some() && given != used);
        let mut found: Vec<_> = differing
            .map(|(column, given, used)| {
                let given = shown(given.unwrap_or_default().as_bytes());
                let used = used.map_or_else(|| "empty".to_owned(), |used| shown(used.as_bytes()));
                let detail =
                    format!("not used: {given}; the product's {column} is {used}, by line {line}");
                (column, detail)
            })
            .collect();

        if !row.images.is_empty() && row.images != self.images {
            let detail = format!(
                "not used: variants have no pictures of their own, and the product's are in line \
                 {line}"
            );
            found.push((Column::Image(0), detail));
        }
        found
    }
}

//! From a row of a file to a row for the store.

use std::collections::BTreeMap;

use domain::CategoryId;
use store::Upsert;

use crate::{CatalogRow, Column};

pub(super) fn of(row: &CatalogRow, category: CategoryId) -> Upsert {
    let is_blank = |column: Column| row.blank.contains(&column);

    Upsert {
        sku: row.sku.clone(),
        slug: row.slug.clone(),
        name: row.name.clone(),
        description: row
            .description
            .clone()
            .or_else(|| is_blank(Column::Description).then(String::new)),
        brand: row.brand.clone().map(Some).or_else(|| is_blank(Column::Brand).then_some(None)),
        category,
        status: row.status,
        images: if row.images.is_empty() && !is_blank(Column::Image(0)) {
            None
        } else {
            Some(row.images.clone())
        },
        attributes: changes(row, &row.attributes, |column| match column {
            Column::Attribute(name) => Some(name),
            _ => None,
        }),
        options: changes(row, &row.options, |column| match column {
            Column::Option(name) => Some(name),
            _ => None,
        }),
        price: row.price,
        compare_at: row
            .compare_at
            .map(Some)
            .or_else(|| is_blank(Column::CompareAt).then_some(None)),
        stock: row.stock,
        featured: row.featured,
    }
}

fn changes(
    row: &CatalogRow,
    given: &BTreeMap<String, String>,
    name_of: fn(&Column) -> Option<&String>,
) -> BTreeMap<String, Option<String>> {
    let cleared = row.blank.iter().filter_map(name_of).map(|name| (name.clone(), None));
    let set = given.iter().map(|(name, value)| (name.clone(), Some(value.clone())));

    cleared.chain(set).collect()
}

//! Writes the store's catalogue to a file.
//!
//! Products stand in the order of their slugs and variants in their own, so that equal catalogues
//! give equal files, even with different ids. Categories without a product and the order of the
//! featured list are not part of a file.

use std::collections::HashSet;
use std::io::Write;

use domain::{CatalogProduct, CategoryTree, Currency, ProductId, Slug};
use store::{Catalog, StoreError};

use crate::{CatalogRow, CsvColumns, FileError, Format, RowWriter};

/// Products that are read together.
const TOGETHER: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes all products, drafts too, a row a variant; answers how many rows that were. Memory holds a
/// slug and an id for each product. Prices in another currency than `currency` are an error, as is,
/// for CSV, an attribute that appears while the file is being written.
pub async fn export<W: Write>(
    catalog: &Catalog,
    out: W,
    format: Format,
    currency: Currency,
) -> Result<u64, ExportError> {
    let (products, columns) = survey(catalog).await?;
    let tree = catalog.tree().await?;
    let featured = catalog.featured().await?.products.into_iter().collect();
    let mut writer = RowWriter::new(out, format, columns)?;
    let mut count = 0;

    for chunk in products.chunks(TOGETHER) {
        let ids: Vec<ProductId> = chunk.iter().map(|(_, id)| *id).collect();
        // What was deleted since the survey is not written.
        let found: Vec<_> = catalog.products(&ids).await?.into_iter().flatten().collect();
        for row in rows(catalog, &found, &tree, &featured).await? {
            if row.price.currency != currency {
                let error = FileError::Currency { row: row.price.currency, file: currency };
                return Err(error.into());
            }
            writer.write(&row)?;
            count += 1;
        }
    }
    writer.finish()?;
    Ok(count)
}

/// All products in the order of the file, and the columns that their rows need.
async fn survey(catalog: &Catalog) -> Result<(Vec<(Slug, ProductId)>, CsvColumns), StoreError> {
    let mut products = Vec::new();
    let mut columns = CsvColumns::default();
    let mut walk = catalog.walk();

    while let Some(page) = walk.next().await? {
        for CatalogProduct { product, variants } in page {
            columns.observe_fields(
                product.images.len(),
                [&product.attributes],
                variants.iter().map(|variant| &variant.options),
            );
            products.push((product.slug, product.id));
        }
    }
    products.sort_unstable();
    Ok((products, columns))
}

async fn rows(
    catalog: &Catalog,
    products: &[CatalogProduct],
    tree: &CategoryTree,
    featured: &HashSet<ProductId>,
) -> Result<Vec<CatalogRow>, StoreError> {
    let variants = products.iter().flat_map(|found| &found.variants);
    let levels = catalog.inventory().list_levels(variants.map(|variant| &variant.sku)).await?;
    let mut rows = Vec::new();

    for CatalogProduct { product, variants } in products {
        let path = path(tree, product.category);
        rows.extend(variants.iter().map(|variant| CatalogRow {
            slug: Some(product.slug.clone()),
            description: Some(product.description.clone()).filter(|text| !text.is_empty()),
            compare_at: variant.compare_at,
            stock: levels.get(&variant.sku).map(|level| level.on_hand),
            brand: product.brand.clone(),
            images: product.images.clone(),
            featured: Some(featured.contains(&product.id)),
            status: Some(product.status),
            options: variant.options.clone(),
            attributes: product.attributes.clone(),
            ..CatalogRow::new(
                variant.sku.clone(),
                product.name.clone(),
                path.clone(),
                variant.price,
            )
        }));
    }
    Ok(rows)
}

fn path(tree: &CategoryTree, category: domain::CategoryId) -> Vec<String> {
    let lineage = tree.lineage(category).into_iter().rev();

    lineage.filter_map(|id| tree.get(id)).map(|category| category.name.clone()).collect()
}

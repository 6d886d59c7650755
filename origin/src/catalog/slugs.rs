//! Whether the slugs that a run of rows names lead where those rows left them. A claim is an item of
//! its own, which an engine that shows a transaction item by item may show last: until then a
//! product that is there answers 404 by its slug.

use std::collections::BTreeSet;

use domain::{CatalogProduct, ChangeRow, ProductId, Ref, Slug};
use ports::PortError;
use store::Catalog;

/// `products` are those that the rows name, as they were read.
pub async fn are_claimed(
    catalog: &Catalog,
    rows: &[ChangeRow],
    products: &[(ProductId, Option<CatalogProduct>)],
) -> Result<bool, PortError> {
    for slug in named(rows) {
        let leads_to = catalog.find_id(&Ref::Slug(slug.clone())).await?;
        if is_late(&slug, leads_to, products) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn named(rows: &[ChangeRow]) -> BTreeSet<Slug> {
    let tags = rows.iter().flat_map(|row| &row.tags);

    tags.filter_map(|tag| tag.as_str().strip_prefix("slug:")?.parse().ok()).collect()
}

fn is_late(
    slug: &Slug,
    leads_to: Option<ProductId>,
    products: &[(ProductId, Option<CatalogProduct>)],
) -> bool {
    let has_it = |product: &CatalogProduct| product.product.slug == *slug;
    let owner = products.iter().find(|(_, product)| product.as_ref().is_some_and(has_it));

    match (owner, leads_to) {
        (Some((owner, _)), leads_to) => leads_to != Some(*owner),
        // One of these had it, and has another one now or is gone.
        (None, Some(id)) => products.iter().any(|(read, _)| *read == id),
        (None, None) => false,
    }
}

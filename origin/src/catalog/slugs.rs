//! Whether the slugs that rows of the change log name lead to the products that the rows gave them
//! to. The claim of a slug is an item of its own, and DynamoDB may show it last: until then an
//! existing product answers 404 by its slug.

use std::collections::BTreeSet;

use domain::{CatalogProduct, ChangeRow, ProductId, Ref, Slug};
use ports::PortError;
use store::Catalog;

/// `products`: those that the rows name, as they were read.
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
        // One of these products had the slug, and has another one now or was deleted.
        (None, Some(id)) => products.iter().any(|(read, _)| *read == id),
        (None, None) => false,
    }
}

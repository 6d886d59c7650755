//! What a row says of a product and of its variant, and whether a catalogue may hold it.

use std::collections::BTreeMap;

use domain::draft::{ProductDraft, VARIANTS_MAX, VariantDraft};
use domain::{
    CatalogProduct, FieldError, Product, ProductId, Ref, Slug, Timestamp, Variant, VariantId,
};

use crate::bulk::upsert::{Upsert, refused};
use crate::catalog::check_size;

/// The draft of a variant that is not there yet.
pub(super) fn variant_draft(row: &Upsert) -> VariantDraft {
    VariantDraft {
        sku: row.sku.clone(),
        options: merged(&BTreeMap::new(), &row.options),
        price: row.price,
        compare_at: row.compare_at.flatten(),
        stock: row.stock.unwrap_or_default(),
    }
}

/// A product that has no variant yet.
pub(super) fn new_product(row: &Upsert, slug: Slug, id: ProductId, now: Timestamp) -> Product {
    Product {
        id,
        slug,
        name: row.name.clone(),
        description: row.description.clone().unwrap_or_default(),
        brand: row.brand.clone().flatten(),
        category: row.category,
        status: row.status.unwrap_or_default(),
        images: row.images.clone().unwrap_or_default(),
        attributes: merged(&BTreeMap::new(), &row.attributes),
        variants: Vec::new(),
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// The product's own fields as the row wants them, all but the slug.
pub(super) fn apply_to_product(row: &Upsert, product: &mut Product) {
    product.name.clone_from(&row.name);
    product.category = row.category;
    product.attributes = merged(&product.attributes, &row.attributes);
    if let Some(description) = &row.description {
        product.description.clone_from(description);
    }
    if let Some(brand) = &row.brand {
        product.brand.clone_from(brand);
    }
    if let Some(status) = row.status {
        product.status = status;
    }
    if let Some(images) = &row.images {
        product.images.clone_from(images);
    }
}

pub(super) fn apply_to_variant(row: &Upsert, variant: &mut Variant) {
    variant.price = row.price;
    let before = row.compare_at.unwrap_or(variant.compare_at);
    // A row that raises the price without naming a reduction ends the existing one.
    variant.compare_at =
        before.filter(|before| row.compare_at.is_some() || before.amount > variant.price.amount);
    variant.options = merged(&variant.options, &row.options);
}

/// Whether the variant is told apart from the others of its product, and fits beside them.
pub(super) fn check_place(product: &CatalogProduct, id: VariantId) -> Result<(), FieldError> {
    let own = product.variants.iter().find(|variant| variant.id == id);
    let mut others = product.variants.iter().filter(|variant| variant.id != id);

    if product.variants.len() > VARIANTS_MAX {
        let detail = format!("a product has at most {VARIANTS_MAX} variants");
        return Err(refused("slug", "length", detail));
    }
    if others.any(|other| own.is_some_and(|own| own.options == other.options)) {
        let detail = format!("another variant of {} has these options", product.product.slug);
        return Err(refused("options", "duplicate", detail));
    }
    Ok(())
}

/// The rules of drafts, for what a row makes of a product and of one variant.
pub(super) fn check(
    product: &Product,
    variant: &Variant,
    stock: Option<i64>,
) -> Result<(), FieldError> {
    check_size(product).map_err(named_by_column)?;
    let draft = ProductDraft {
        name: product.name.clone(),
        slug: None,
        description: product.description.clone(),
        brand: product.brand.clone(),
        category: Ref::Id(product.category),
        status: product.status,
        images: product.images.clone(),
        attributes: product.attributes.clone(),
        variants: vec![VariantDraft {
            sku: variant.sku.clone(),
            options: variant.options.clone(),
            price: variant.price,
            compare_at: variant.compare_at,
            stock: stock.unwrap_or_default(),
        }],
    };
    let Err(mistakes) = draft.check(variant.price.currency) else { return Ok(()) };

    let first = mistakes.into_iter().next();
    Err(first.map_or_else(|| refused("sku", "invalid", "is wrong"), named_by_column))
}

/// `/variants/0/price` → `price`, `/attributes/style` → `attributes.style`.
fn named_by_column(mistake: FieldError) -> FieldError {
    let pointer = mistake.pointer.trim_start_matches('/');
    let column = pointer.strip_prefix("variants/0/").unwrap_or(pointer).replace('/', ".");

    FieldError { pointer: column, ..mistake }
}

/// `old` with the changes; a name with `None` is taken out.
fn merged(
    old: &BTreeMap<String, String>,
    changes: &BTreeMap<String, Option<String>>,
) -> BTreeMap<String, String> {
    let mut merged = old.clone();

    for (name, value) in changes {
        match value {
            Some(value) => merged.insert(name.clone(), value.clone()),
            None => merged.remove(name),
        };
    }
    merged
}

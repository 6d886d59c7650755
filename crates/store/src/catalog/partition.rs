//! A product's partition: its own item and one for each variant, written together and read
//! together.

use domain::{CatalogProduct, FieldError, Product, Variant};
use ports::{Attributes, ITEM_BYTES_MAX, PortError, Row, Value};

use crate::keys;

/// Beside a product's fields: the version of each of its variants, in their order. An engine may
/// show the items of one transaction one by one; a variant older than this is a torn read.
const VARIANT_VERSIONS: &str = "variant_versions";

/// What the rows of a partition amount to.
#[derive(Debug)]
pub(crate) enum Partition {
    /// No product, though variants of one may still be visible.
    Absent,
    /// A part of it is not to be seen yet.
    Torn,
    Whole(Box<CatalogProduct>),
}

pub(crate) fn product_item(state: &CatalogProduct) -> Result<Attributes, PortError> {
    let versions: Vec<Value> =
        state.variants.iter().map(|variant| variant.version.into()).collect();

    Ok(Attributes::of(&state.product)?.with(VARIANT_VERSIONS, versions))
}

/// Whether a product fits into an item. Every field within its bounds, all of them together may be
/// too much in a script that takes three bytes a letter.
pub(crate) fn check_size(product: &Product) -> Result<(), FieldError> {
    // For attributes beside the product's own.
    const ROOM: usize = 4 * 1_024;
    let bytes = serde_json::to_vec(product).map_or(usize::MAX, |json| json.len());

    if bytes + ROOM > ITEM_BYTES_MAX {
        let detail = format!("with all else the product has at most {ITEM_BYTES_MAX} bytes");
        return Err(FieldError::new("/description", "length", detail));
    }
    Ok(())
}

impl Partition {
    pub fn of(rows: Vec<Row>) -> Result<Self, PortError> {
        let mut item = None;
        let mut variants = Vec::<Variant>::new();
        for row in rows {
            if row.key.sk.starts_with(keys::VARIANT_PREFIX) {
                variants.push(row.attributes.parse("a variant")?);
            } else {
                item = Some(row.attributes);
            }
        }
        let Some(mut item) = item else { return Ok(Self::Absent) };
        let versions = item.0.remove(VARIANT_VERSIONS);
        let product: Product = item.parse("a product")?;

        let place = |variant: &Variant| product.variants.iter().position(|id| *id == variant.id);
        variants.retain(|variant| place(variant).is_some());
        variants.sort_by_key(|variant| place(variant));
        let is_whole =
            variants.len() == product.variants.len() && are_seen(versions.as_ref(), &variants);

        if is_whole {
            Ok(Self::Whole(Box::new(CatalogProduct { product, variants })))
        } else {
            Ok(Self::Torn)
        }
    }
}

/// A newer variant is no harm: the log names the product's version that belongs to it.
fn are_seen(versions: Option<&Value>, variants: &[Variant]) -> bool {
    let versions = versions.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);

    versions
        .iter()
        .zip(variants)
        .all(|(least, variant)| least.as_u64().is_some_and(|least| variant.version >= least))
}

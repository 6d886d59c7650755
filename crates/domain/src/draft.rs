//! What admins send: drafts of new things and merge patches (RFC 7396) of old ones, with the rules
//! that a catalogue entry must keep.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Deserializer};

use crate::image::URL_MAX;
use crate::product::is_attribute_name;
use crate::{
    CategoryId, Currency, FieldError, Image, Membership, Money, Ref, Sku, Slug, Status, stock, text,
};

/// One transaction creates a product: five actions and four for each variant, of at most 100.
pub const VARIANTS_MAX: usize = 20;
pub const NAME_MAX: usize = 200;
pub const DESCRIPTION_MAX: usize = 20_000;
pub const VALUE_MAX: usize = 64;
pub const ATTRIBUTES_MAX: usize = 32;
pub const IMAGES_MAX: usize = 32;
pub const ALT_MAX: usize = 512;
/// Of all addresses and texts of a product's images, which are mostly ASCII: as many bytes as each
/// may have characters.
pub const IMAGES_BYTES_MAX: usize = IMAGES_MAX * (URL_MAX + ALT_MAX);

#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProductDraft {
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 200))]
    pub name: String,
    /// Worked out from the name when it is left out.
    #[serde(default)]
    pub slug: Option<Slug>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 20000))]
    pub description: String,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 64))]
    pub brand: Option<String>,
    /// The category's id or slug.
    #[serde(deserialize_with = "reference")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub category: Ref<CategoryId>,
    #[serde(default)]
    pub status: Status,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 32))]
    pub images: Vec<Image>,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 20))]
    pub variants: Vec<VariantDraft>,
}

#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct VariantDraft {
    pub sku: Sku,
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    pub price: Money,
    #[serde(default)]
    pub compare_at: Option<Money>,
    /// Pieces in the warehouse.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 1000000000))]
    pub stock: i64,
}

/// Absent fields stay; `null` clears where a field may be empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProductPatch {
    #[cfg_attr(feature = "openapi", schema(nullable = false, min_length = 1, max_length = 200))]
    #[serde(default, deserialize_with = "some")]
    pub name: Option<String>,
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(default, deserialize_with = "some")]
    pub slug: Option<Slug>,
    #[cfg_attr(feature = "openapi", schema(nullable = false, max_length = 20000))]
    #[serde(default, deserialize_with = "some")]
    pub description: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, max_length = 64))]
    pub brand: Option<Option<String>>,
    #[serde(default, deserialize_with = "some_reference")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, nullable = false))]
    pub category: Option<Ref<CategoryId>>,
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(default, deserialize_with = "some")]
    pub status: Option<Status>,
    #[cfg_attr(feature = "openapi", schema(nullable = false, max_items = 32))]
    #[serde(default, deserialize_with = "some")]
    pub images: Option<Vec<Image>>,
    /// Merged: a name with `null` is taken out.
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(default, deserialize_with = "some")]
    pub attributes: Option<BTreeMap<String, Option<String>>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VariantPatch {
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(default, deserialize_with = "some")]
    pub price: Option<Money>,
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Money>))]
    pub compare_at: Option<Option<Money>>,
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(default, deserialize_with = "some")]
    pub options: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CategoryDraft {
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 200))]
    pub name: String,
    #[serde(default)]
    pub slug: Option<Slug>,
    #[serde(default)]
    pub parent: Option<CategoryId>,
    #[serde(default)]
    pub position: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CategoryPatch {
    #[cfg_attr(feature = "openapi", schema(nullable = false, min_length = 1, max_length = 200))]
    #[serde(default, deserialize_with = "some")]
    pub name: Option<String>,
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(default, deserialize_with = "some")]
    pub slug: Option<Slug>,
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<CategoryId>))]
    pub parent: Option<Option<CategoryId>>,
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(default, deserialize_with = "some")]
    pub position: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CollectionDraft {
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 200))]
    pub name: String,
    #[serde(default)]
    pub slug: Option<Slug>,
    pub membership: Membership,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CollectionPatch {
    #[cfg_attr(feature = "openapi", schema(nullable = false, min_length = 1, max_length = 200))]
    #[serde(default, deserialize_with = "some")]
    pub name: Option<String>,
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(default, deserialize_with = "some")]
    pub slug: Option<Slug>,
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(default, deserialize_with = "some")]
    pub membership: Option<Membership>,
}

crate::object::from_objects_alone!(VariantDraft);

/// Collects every mistake, so that one answer names them all.
#[derive(Debug, Default)]
pub struct Mistakes(Vec<FieldError>);

impl Mistakes {
    pub fn add(
        &mut self,
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) {
        self.0.push(FieldError::new(pointer, code, detail));
    }

    pub fn into_result(self) -> Result<(), Vec<FieldError>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }

    fn text(&mut self, pointer: &str, value: &str, least: usize, most: usize) {
        for fault in text::faults_of_line(value, least..=most) {
            self.add(pointer, fault.code(), fault.to_string());
        }
    }

    /// Line breaks and tabs make a description readable; other control characters only hide things.
    fn prose(&mut self, pointer: &str, value: &str, most: usize) {
        if value.chars().count() > most {
            self.add(pointer, "length", format!("has at most {most} characters"));
        }
        if value.chars().any(|character| character.is_control() && !"\n\r\t".contains(character)) {
            self.add(pointer, "control_character", "holds a control character");
        }
    }

    fn price(&mut self, pointer: &str, price: Money, currency: Currency) {
        if price.currency != currency {
            self.add(pointer, "currency", format!("this shop sells in {currency}"));
        }
        if price.amount < 0 {
            self.add(pointer, "range", "a price is not negative");
        }
    }

    fn prices(
        &mut self,
        at: &str,
        price: Option<Money>,
        compare_at: Option<Money>,
        currency: Currency,
    ) {
        if let Some(price) = price {
            self.price(&format!("{at}/price"), price, currency);
        }
        if let Some(compare_at) = compare_at {
            self.price(&format!("{at}/compare_at"), compare_at, currency);
        }
        if let (Some(price), Some(compare_at)) = (price, compare_at)
            && compare_at.amount <= price.amount
        {
            self.add(format!("{at}/compare_at"), "range", "is above the price, or null");
        }
    }

    fn named_values<'a>(
        &mut self,
        at: &str,
        values: impl ExactSizeIterator<Item = (&'a String, &'a str)>,
    ) {
        if values.len() > ATTRIBUTES_MAX {
            self.add(at, "length", format!("has at most {ATTRIBUTES_MAX} entries"));
        }
        for (name, value) in values {
            if !is_attribute_name(name) {
                self.add(at, "name", format!("a name matches [a-z0-9_]{{1,32}}: {name:.40}"));
            }
            self.text(&format!("{at}/{name:.40}"), value, 1, VALUE_MAX);
        }
    }

    fn images(&mut self, images: &[Image]) {
        if images.len() > IMAGES_MAX {
            self.add("/images", "length", format!("has at most {IMAGES_MAX} entries"));
        }
        let bytes: usize =
            images.iter().map(|image| image.url.as_str().len() + image.alt.len()).sum();
        if bytes > IMAGES_BYTES_MAX {
            let detail =
                format!("addresses and texts have together at most {IMAGES_BYTES_MAX} bytes");
            self.add("/images", "length", detail);
        }
        for (at, image) in images.iter().enumerate() {
            self.text(&format!("/images/{at}/alt"), &image.alt, 0, ALT_MAX);
        }
    }
}

impl ProductDraft {
    pub fn check(&self, currency: Currency) -> Result<(), Vec<FieldError>> {
        let mut mistakes = Mistakes::default();
        mistakes.text("/name", &self.name, 1, NAME_MAX);
        mistakes.prose("/description", &self.description, DESCRIPTION_MAX);
        if let Some(brand) = &self.brand {
            mistakes.text("/brand", brand, 1, VALUE_MAX);
        }
        mistakes.images(&self.images);
        mistakes.named_values("/attributes", named(&self.attributes));
        if !(1..=VARIANTS_MAX).contains(&self.variants.len()) {
            mistakes.add("/variants", "length", format!("has 1 to {VARIANTS_MAX} entries"));
        }
        let mut skus = HashSet::new();
        let mut options = HashSet::new();
        for (at, variant) in self.variants.iter().enumerate() {
            let at = format!("/variants/{at}");
            variant.check_into(&at, currency, &mut mistakes);
            if !skus.insert(&variant.sku) {
                mistakes.add(
                    format!("{at}/sku"),
                    "duplicate",
                    "is used by another variant of this product",
                );
            }
            if !options.insert(&variant.options) {
                mistakes.add(format!("{at}/options"), "duplicate", "tells no two variants apart");
            }
        }
        mistakes.into_result()
    }
}

impl VariantDraft {
    pub fn check(&self, currency: Currency) -> Result<(), Vec<FieldError>> {
        let mut mistakes = Mistakes::default();
        self.check_into("", currency, &mut mistakes);
        mistakes.into_result()
    }

    fn check_into(&self, at: &str, currency: Currency, mistakes: &mut Mistakes) {
        mistakes.prices(at, Some(self.price), self.compare_at, currency);
        mistakes.named_values(&format!("{at}/options"), named(&self.options));
        if !(0..=stock::STOCK_MAX).contains(&self.stock) {
            mistakes.add(format!("{at}/stock"), "range", "is 0 to 1000000000");
        }
    }
}

impl ProductPatch {
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut mistakes = Mistakes::default();
        if let Some(name) = &self.name {
            mistakes.text("/name", name, 1, NAME_MAX);
        }
        if let Some(description) = &self.description {
            mistakes.prose("/description", description, DESCRIPTION_MAX);
        }
        if let Some(Some(brand)) = &self.brand {
            mistakes.text("/brand", brand, 1, VALUE_MAX);
        }
        if let Some(images) = &self.images {
            mistakes.images(images);
        }
        if let Some(attributes) = &self.attributes {
            let kept: Vec<_> = attributes
                .iter()
                .filter_map(|(name, value)| Some((name, value.as_deref()?)))
                .collect();
            mistakes.named_values("/attributes", kept.into_iter());
        }
        mistakes.into_result()
    }
}

impl VariantPatch {
    /// `now` is the variant as it would be after the patch.
    pub fn check(&self, now: &crate::Variant, currency: Currency) -> Result<(), Vec<FieldError>> {
        let mut mistakes = Mistakes::default();
        mistakes.prices("", Some(now.price), now.compare_at, currency);
        mistakes.named_values("/options", named(&now.options));
        mistakes.into_result()
    }
}

impl CategoryDraft {
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        check_name(&self.name)
    }
}

impl CategoryPatch {
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        self.name.as_deref().map_or(Ok(()), check_name)
    }
}

impl CollectionDraft {
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut mistakes = Mistakes::default();
        mistakes.text("/name", &self.name, 1, NAME_MAX);
        check_membership(&self.membership, &mut mistakes);
        mistakes.into_result()
    }
}

impl CollectionPatch {
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut mistakes = Mistakes::default();
        if let Some(name) = &self.name {
            mistakes.text("/name", name, 1, NAME_MAX);
        }
        if let Some(membership) = &self.membership {
            check_membership(membership, &mut mistakes);
        }
        mistakes.into_result()
    }
}

fn check_name(name: &str) -> Result<(), Vec<FieldError>> {
    let mut mistakes = Mistakes::default();
    mistakes.text("/name", name, 1, NAME_MAX);
    mistakes.into_result()
}

fn check_membership(membership: &Membership, mistakes: &mut Mistakes) {
    match membership {
        Membership::Manual { products } => {
            if products.len() > crate::collection::MANUAL_MAX {
                mistakes.add("/membership/products", "length", "has at most 2000 entries");
            }
            let distinct: HashSet<_> = products.iter().collect();
            if distinct.len() != products.len() {
                mistakes.add("/membership/products", "duplicate", "names a product twice");
            }
        }
        Membership::Rule { rule } => {
            mistakes.named_values("/membership/rule/attributes", named(&rule.attributes));
            for (name, bound) in [("price_min", rule.price_min), ("price_max", rule.price_max)] {
                if bound.is_some_and(|bound| bound < 0) {
                    mistakes.add(format!("/membership/rule/{name}"), "range", "is not negative");
                }
            }
            if let (Some(min), Some(max)) = (rule.price_min, rule.price_max)
                && min > max
            {
                mistakes.add("/membership/rule/price_min", "range", "is at most price_max");
            }
        }
    }
}

fn named(values: &BTreeMap<String, String>) -> impl ExactSizeIterator<Item = (&String, &str)> {
    values.iter().map(|(name, value)| (name, value.as_str()))
}

fn reference<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ref<CategoryId>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;

    text.parse().map_err(|_| serde::de::Error::custom("not a category's id or slug"))
}

fn some_reference<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Ref<CategoryId>>, D::Error> {
    reference(deserializer).map(Some)
}

/// A field that may be left out, and may not be `null`.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A field that may be left out (`None`) or `null` (`Some(None)`).
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

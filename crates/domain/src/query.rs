//! What a shopper can ask of the catalogue: seven kinds of read, each with one canonical spelling.
//! That spelling is the cache key at every tier and the request that the edge sends to the origin.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{CategoryId, CollectionId, Cursor, Id, ProductId, Resource, Slug};

/// At most so many attributes may be filtered by at once.
pub const ATTRIBUTES_MAX: usize = 5;
/// At most so many values may be or-ed in one filter.
pub const VALUES_MAX: usize = 20;
/// In characters; what is longer than a search box shows is not a search.
pub const Q_MAX: usize = 64;

/// An id, or the slug that stands for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ref<I> {
    Id(I),
    Slug(Slug),
}

/// A cached read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CatalogRead {
    Products(ListQuery),
    Product(Ref<ProductId>),
    Recommendations(Ref<ProductId>),
    Categories,
    Featured,
    Bestsellers { category: Option<Ref<CategoryId>> },
    Search(ListQuery),
}

/// Filters, order and page of `/products` and `/search`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ListQuery {
    /// NFC, folded, blanks collapsed, at most [`Q_MAX`] characters; never empty.
    pub q: Option<String>,
    pub category: Option<Ref<CategoryId>>,
    pub collection: Option<Ref<CollectionId>>,
    pub price: Option<PriceRange>,
    pub in_stock: bool,
    /// Sorted; any of them will do.
    pub brands: Vec<String>,
    /// Attribute → sorted values, any of them will do; every attribute must match.
    pub attributes: BTreeMap<String, Vec<String>>,
    pub sort: Sort,
    pub limit: Limit,
    pub cursor: Option<Cursor>,
}

/// In minor units, both ends inclusive, at least one of them given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PriceRange {
    pub min: Option<i64>,
    pub max: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Best match first with `q`, newest first without.
    #[default]
    Relevance,
    Newest,
    PriceAsc,
    PriceDesc,
    Name,
}

/// Products on a page: a closed set, so that strangers can't fill the caches with page sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit(u8);

impl Limit {
    pub const CHOICES: [u8; 5] = [12, 24, 48, 96, 100];
    pub const DEFAULT: Self = Self(24);

    /// The smallest choice that holds `wanted`, or the largest.
    pub fn clamped(wanted: u64) -> Self {
        let fits = Self::CHOICES.into_iter().find(|choice| u64::from(*choice) >= wanted);

        Self(fits.unwrap_or(100))
    }

    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Sort {
    pub const ALL: [Self; 5] =
        [Self::Relevance, Self::Newest, Self::PriceAsc, Self::PriceDesc, Self::Name];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Relevance => "relevance",
            Self::Newest => "newest",
            Self::PriceAsc => "price_asc",
            Self::PriceDesc => "price_desc",
            Self::Name => "name",
        }
    }
}

impl PriceRange {
    pub fn contains(self, amount: i64) -> bool {
        self.min.is_none_or(|min| amount >= min) && self.max.is_none_or(|max| amount <= max)
    }
}

impl CatalogRead {
    pub const fn resource(&self) -> Resource {
        match self {
            Self::Products(_) => Resource::Products,
            Self::Product(_) => Resource::Product,
            Self::Recommendations(_) => Resource::Recommendations,
            Self::Categories => Resource::Categories,
            Self::Featured => Resource::Featured,
            Self::Bestsellers { .. } => Resource::Bestsellers,
            Self::Search(_) => Resource::Search,
        }
    }
}

impl ListQuery {
    /// Names the list whatever page of it is asked for; stands in its cursors.
    pub fn fingerprint(&self) -> u32 {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = self.write_to(&mut Parameters::new(&mut text), false);

        (xxh3_64(text.as_bytes()) >> 32) as u32
    }

    /// The names sort as they are written here; the fingerprint has neither cursor nor limit.
    fn write_to(&self, out: &mut Parameters<'_>, page: bool) -> fmt::Result {
        for (name, values) in &self.attributes {
            out.push_list(&format!("attr.{name}"), values)?;
        }
        out.push_list("brand", &self.brands)?;
        out.push_some("category", self.category.as_ref())?;
        out.push_some("collection", self.collection.as_ref())?;
        out.push_some("cursor", self.cursor.as_ref().filter(|_| page))?;
        out.push_some("in_stock", self.in_stock.then_some("true"))?;
        out.push_some("limit", (page && self.limit != Limit::DEFAULT).then_some(self.limit.0))?;
        out.push_some("price", self.price)?;
        out.push_text("q", self.q.as_deref())?;
        out.push_some("sort", (self.sort != Sort::default()).then_some(self.sort.as_str()))
    }
}

/// The canonical path and query: parameters sorted, defaults left out.
impl fmt::Display for CatalogRead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Products(query) => write!(formatter, "/products{query}"),
            Self::Product(product) => write!(formatter, "/products/{product}"),
            Self::Recommendations(product) => {
                write!(formatter, "/products/{product}/recommendations")
            }
            Self::Categories => formatter.write_str("/categories"),
            Self::Featured => formatter.write_str("/featured"),
            Self::Bestsellers { category: None } => formatter.write_str("/bestsellers"),
            Self::Bestsellers { category: Some(category) } => {
                write!(formatter, "/bestsellers?category={category}")
            }
            Self::Search(query) => write!(formatter, "/search{query}"),
        }
    }
}

impl fmt::Display for ListQuery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(&mut Parameters::new(formatter), true)
    }
}

impl<T: crate::ids::Named> fmt::Display for Ref<Id<T>> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(formatter),
            Self::Slug(slug) => slug.fmt(formatter),
        }
    }
}

impl<T: crate::ids::Named> std::str::FromStr for Ref<Id<T>> {
    type Err = crate::InvalidSlug;

    /// Ids have upper case and an underscore, slugs have neither, so the two never meet.
    fn from_str(text: &str) -> Result<Self, crate::InvalidSlug> {
        match text.parse() {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) => text.parse().map(Self::Slug),
        }
    }
}

impl<T: crate::ids::Named> Serialize for Ref<Id<T>> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for PriceRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(min) = self.min {
            min.fmt(formatter)?;
        }
        formatter.write_str("..")?;
        if let Some(max) = self.max {
            max.fmt(formatter)?;
        }
        Ok(())
    }
}

/// Writes `?a=b&c=d`, percent-encoded.
struct Parameters<'a> {
    out: &'a mut dyn fmt::Write,
    separator: char,
}

impl<'a> Parameters<'a> {
    fn new(out: &'a mut dyn fmt::Write) -> Self {
        Self { out, separator: '?' }
    }

    fn push_some(&mut self, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
        match value {
            Some(value) => {
                self.name(name)?;
                write!(self.out, "{value}")
            }
            None => Ok(()),
        }
    }

    fn push_text(&mut self, name: &str, value: Option<&str>) -> fmt::Result {
        match value {
            Some(value) => {
                self.name(name)?;
                self.encode(value)
            }
            None => Ok(()),
        }
    }

    fn push_list(&mut self, name: &str, values: &[String]) -> fmt::Result {
        if values.is_empty() {
            return Ok(());
        }
        self.name(name)?;
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                self.out.write_char(',')?;
            }
            // A comma parts values however it is encoded, so one inside a value is escaped.
            if value.contains([',', '\\']) {
                self.encode(&value.replace('\\', r"\\").replace(',', r"\,"))?;
            } else {
                self.encode(value)?;
            }
        }
        Ok(())
    }

    fn name(&mut self, name: &str) -> fmt::Result {
        write!(self.out, "{}{name}=", self.separator)?;
        self.separator = '&';
        Ok(())
    }

    /// RFC 3986's unreserved characters stand for themselves, everything else is `%XX`.
    fn encode(&mut self, value: &str) -> fmt::Result {
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                self.out.write_char(byte as char)?;
            } else {
                write!(self.out, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

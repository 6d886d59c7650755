//! Which rows a list takes: the filters of a query, with numbers for names.

use rustc_hash::FxHashMap;

use domain::{
    Availability, CategoryId, ListQuery, Membership, PriceRange, ProductId, Rule,
    query::ATTRIBUTES_MAX,
};

use crate::bits::Bits;
use crate::labels::BRAND;
use crate::rows::RowRef;
use crate::snapshot::{CatalogSnapshot, Unknown};

/// Every filter that has a facet, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failed(u32);

impl Failed {
    const CATEGORY: u32 = 1;
    const AVAILABILITY: u32 = 2;
    /// The bit of the first filter by label; a brand and [`ATTRIBUTES_MAX`] attributes fit.
    const FIRST_LABEL: u32 = 4;

    pub(crate) const fn none(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn availability_alone(self) -> bool {
        self.0 == Self::AVAILABILITY
    }
}

/// A query's filters against one snapshot.
pub(crate) struct Filters {
    base: Base,
    category: Option<Bits>,
    /// By label: the bits of the filters that it satisfies.
    labels: Vec<u32>,
    /// The facets filtered by, and their bits.
    facets: Vec<(Option<u32>, u32)>,
    all: u32,
}

/// What has no facet: it decides whether a row counts at all.
struct Base {
    price: Option<PriceRange>,
    collection: Option<Members>,
}

/// The products of the collection.
enum Members {
    Listed(FxHashMap<ProductId, i64>),
    Ruled(RuleFilter),
}

struct RuleFilter {
    category: Option<Bits>,
    price: PriceRange,
    in_stock: Option<bool>,
    on_sale: Option<bool>,
    /// All of them; `None` when no product has one of them.
    labels: Option<Vec<u32>>,
}

impl Filters {
    pub(crate) fn of(query: &ListQuery, snapshot: &CatalogSnapshot) -> Result<Self, Unknown> {
        let category = query.category.as_ref().map(|one| snapshot.category(one)).transpose()?;
        let collection =
            query.collection.as_ref().map(|one| snapshot.collection(one)).transpose()?;
        let mut filters = Self {
            base: Base {
                price: query.price,
                collection: collection.map(|one| Members::of(&one.membership, snapshot)),
            },
            category: category.map(|one| snapshot.categories.within(one.id)),
            labels: Vec::new(),
            facets: Vec::new(),
            all: 0,
        };
        filters.all = if filters.category.is_some() { Failed::CATEGORY } else { 0 }
            | if query.in_stock { Failed::AVAILABILITY } else { 0 };

        if !query.brands.is_empty() {
            filters.by_label(snapshot, BRAND, &query.brands);
        }
        // The parser refuses more.
        for (name, values) in query.attributes.iter().take(ATTRIBUTES_MAX) {
            filters.by_label(snapshot, &format!("attr.{name}"), values);
        }
        Ok(filters)
    }

    fn by_label(&mut self, snapshot: &CatalogSnapshot, facet: &str, values: &[String]) {
        let bit = Failed::FIRST_LABEL << self.facets.len();
        self.labels.resize(snapshot.labels.len(), 0);
        for label in values.iter().filter_map(|value| snapshot.labels.find(facet, value)) {
            self.labels[label as usize] |= bit;
        }

        self.facets.push((snapshot.labels.facet(facet), bit));
        self.all |= bit;
    }

    /// Whether the row counts, for its facets at least.
    pub(crate) fn takes(&self, row: RowRef<'_>) -> bool {
        row.row.is_visible() && self.base.takes(row)
    }

    /// The filters with a facet that it fails.
    pub(crate) fn failed(&self, row: RowRef<'_>) -> Failed {
        if self.all == 0 {
            return Failed::default();
        }
        let mut passed = 0;

        if self.category.as_ref().is_some_and(|within| within.contains(row.row.category)) {
            passed |= Failed::CATEGORY;
        }
        if row.row.availability != Availability::Out {
            passed |= Failed::AVAILABILITY;
        }
        if !self.facets.is_empty() {
            passed =
                row.labels.iter().fold(passed, |passed, at| passed | self.labels[*at as usize]);
        }
        Failed(self.all & !passed)
    }

    /// The facet whose filter is the only one that failed.
    pub(crate) fn only_facet(&self, failed: Failed) -> Option<u32> {
        let found = self.facets.iter().find(|(_, bit)| *bit == failed.0);

        found.and_then(|(facet, _)| *facet)
    }

    /// Where the product stands in the collection, if that is a list.
    pub(crate) fn rank(&self, id: ProductId) -> Option<i64> {
        match &self.base.collection {
            Some(Members::Listed(ranks)) => ranks.get(&id).copied(),
            Some(Members::Ruled(_)) | None => None,
        }
    }

    /// Whether the collection has an order of its own.
    pub(crate) fn is_ranked(&self) -> bool {
        matches!(self.base.collection, Some(Members::Listed(_)))
    }
}

impl Base {
    fn takes(&self, row: RowRef<'_>) -> bool {
        let priced = self.price.is_none_or(|price| price.contains(row.row.price));

        priced && self.collection.as_ref().is_none_or(|members| members.contain(row))
    }
}

impl Members {
    fn of(membership: &Membership, snapshot: &CatalogSnapshot) -> Self {
        match membership {
            Membership::Manual { products } => {
                let mut ranks = FxHashMap::default();
                for (rank, id) in (0..).zip(products) {
                    // Of a product that is listed twice the first place counts.
                    ranks.entry(*id).or_insert(rank);
                }
                Self::Listed(ranks)
            }
            Membership::Rule { rule } => Self::Ruled(RuleFilter::of(rule, snapshot)),
        }
    }

    fn contain(&self, row: RowRef<'_>) -> bool {
        match self {
            Self::Listed(ranks) => ranks.contains_key(&row.row.id),
            Self::Ruled(rule) => rule.matches(row),
        }
    }
}

impl RuleFilter {
    fn of(rule: &Rule, snapshot: &CatalogSnapshot) -> Self {
        let within = |id: CategoryId| snapshot.categories.within(id);
        let brand = rule.brand.iter().map(|brand| snapshot.labels.find(BRAND, brand));
        let attributes = rule.attributes.iter();
        let attributes =
            attributes.map(|(name, value)| snapshot.labels.find(&format!("attr.{name}"), value));

        Self {
            category: rule.category.map(within),
            price: PriceRange { min: rule.price_min, max: rule.price_max },
            in_stock: rule.in_stock,
            on_sale: rule.on_sale,
            labels: brand.chain(attributes).collect(),
        }
    }

    /// As [`Rule::matches`] does for a whole product.
    fn matches(&self, row: RowRef<'_>) -> bool {
        let in_stock = row.row.availability != Availability::Out;
        let labelled = |labels: &Vec<u32>| labels.iter().all(|label| row.labels.contains(label));

        self.category.as_ref().is_none_or(|within| within.contains(row.row.category))
            && self.price.contains(row.row.price)
            && self.in_stock.is_none_or(|wanted| wanted == in_stock)
            && self.on_sale.is_none_or(|wanted| wanted == row.row.on_sale)
            && self.labels.as_ref().is_some_and(labelled)
    }
}

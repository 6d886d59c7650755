//! How many products each value of a facet would show.

use std::cmp::Reverse;

use domain::Availability;
use domain::api::{Facet, FacetValue};

use crate::filters::{Failed, Filters};
use crate::labels::BRAND;
use crate::rows::RowRef;
use crate::snapshot::CatalogSnapshot;

/// What `domain::api::Facet` promises.
const VALUES_MAX: usize = 100;
/// Of attributes: more than any page offers, and few enough for an answer that is kept.
const ATTRIBUTES_MAX: usize = 40;

const AVAILABILITIES: [Availability; 3] =
    [Availability::InStock, Availability::Low, Availability::Out];

/// Counts by number. A facet's own filter does not reduce its counts, every other filter does: so
/// a row counts everywhere if it passes all, and in one facet if it fails that one's filter alone.
/// The category's filter reduces all, its own facet shows what is below it: a list of a category is
/// made of that category's products alone, and so only they can make a cached one invalid.
pub(crate) struct Counts {
    categories: Vec<u64>,
    availabilities: [u64; 3],
    labels: Vec<u64>,
}

impl Counts {
    pub(crate) fn of(snapshot: &CatalogSnapshot) -> Self {
        Self {
            categories: vec![0; snapshot.categories.len()],
            availabilities: [0; 3],
            labels: vec![0; snapshot.labels.len()],
        }
    }

    pub(crate) fn add(
        &mut self,
        row: RowRef<'_>,
        failed: Failed,
        filters: &Filters,
        snapshot: &CatalogSnapshot,
    ) {
        if failed.none() {
            self.categories[row.row.category as usize] += 1;
        }
        if failed.none() || failed.availability_alone() {
            self.availabilities[row.row.availability as usize] += 1;
        }
        if failed.none() {
            row.labels.iter().for_each(|label| self.labels[*label as usize] += 1);
        } else if let Some(facet) = filters.only_facet(failed) {
            let own = row.labels.iter().filter(|label| snapshot.labels.facet_of(**label) == facet);
            own.for_each(|label| self.labels[*label as usize] += 1);
        }
    }

    /// The facets that have a value: `category`, `brand`, `availability`, then attributes by name,
    /// those that the most products have.
    pub(crate) fn finish(self, snapshot: &CatalogSnapshot) -> Vec<Facet> {
        let categories = (0..).zip(&self.categories).filter_map(|(number, count)| {
            let category = snapshot.categories.get(number)?;
            let label = Some(category.name.clone());
            Some(FacetValue { value: category.slug.to_string(), label, count: *count })
        });
        let availabilities = AVAILABILITIES.iter().map(|one| FacetValue {
            value: one.as_str().to_owned(),
            label: None,
            count: self.availabilities[*one as usize],
        });
        let mut of_labels = self.by_facet(snapshot);
        let brand = of_labels.iter().position(|facet| facet.name == BRAND);
        let brand = brand.map(|at| of_labels.swap_remove(at));
        most_frequent(&mut of_labels);
        of_labels.sort_unstable_by(|a, b| a.name.cmp(&b.name));

        let mut facets = vec![facet("category", categories.collect())];
        facets.extend(brand);
        facets.push(facet("availability", availabilities.collect()));
        facets.extend(of_labels);
        facets.retain(|facet| !facet.values.is_empty());
        facets
    }

    fn by_facet(&self, snapshot: &CatalogSnapshot) -> Vec<Facet> {
        let mut counted = vec![Vec::new(); snapshot.labels.facet_count()];
        for (label, count) in (0..).zip(&self.labels).filter(|(_, count)| **count > 0) {
            counted[snapshot.labels.facet_of(label) as usize].push((Reverse(*count), label));
        }

        (0..).zip(counted).map(|(number, counted)| top_labels(snapshot, number, counted)).collect()
    }
}

fn most_frequent(attributes: &mut Vec<Facet>) {
    if attributes.len() > ATTRIBUTES_MAX {
        let products = |facet: &Facet| facet.values.iter().map(|value| value.count).sum::<u64>();
        attributes.sort_by(|a, b| products(b).cmp(&products(a)).then_with(|| a.name.cmp(&b.name)));
        attributes.truncate(ATTRIBUTES_MAX);
    }
}

/// Texts are made for the values that are shown alone: there may be thousands.
fn top_labels(
    snapshot: &CatalogSnapshot,
    number: u32,
    mut counted: Vec<(Reverse<u64>, u32)>,
) -> Facet {
    counted.sort_unstable_by_key(|(count, label)| (*count, snapshot.labels.text(*label)));
    counted.truncate(VALUES_MAX);
    let values = counted.into_iter().map(|(Reverse(count), label)| FacetValue {
        value: snapshot.labels.text(label).to_owned(),
        label: None,
        count,
    });

    Facet { name: snapshot.labels.facet_name(number).to_owned(), values: values.collect() }
}

fn facet(name: &str, mut values: Vec<FacetValue>) -> Facet {
    values.retain(|value| value.count > 0);
    values.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    values.truncate(VALUES_MAX);

    Facet { name: name.to_owned(), values }
}

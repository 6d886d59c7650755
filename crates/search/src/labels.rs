//! Brands and attribute values as small numbers, so that filters compare and facets count numbers.

use std::sync::Arc;

use rustc_hash::FxHashMap;

/// The facet that brands belong to; those of attributes are called `attr.NAME`.
pub(crate) const BRAND: &str = "brand";

/// All values that products have. Clones share the texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    facets: Vec<Names>,
    facet_ids: FxHashMap<Arc<str>, u32>,
    labels: Vec<Label>,
    /// Labels that no product has any more.
    unused: usize,
}

#[derive(Clone, Debug)]
struct Names {
    name: Arc<str>,
    labels: FxHashMap<Arc<str>, u32>,
}

#[derive(Clone, Debug)]
struct Label {
    facet: u32,
    text: Arc<str>,
    uses: u32,
}

impl Labels {
    pub(crate) fn facet(&self, name: &str) -> Option<u32> {
        self.facet_ids.get(name).copied()
    }

    pub(crate) fn facet_name(&self, facet: u32) -> &str {
        &self.facets[facet as usize].name
    }

    pub(crate) fn facet_count(&self) -> usize {
        self.facets.len()
    }

    pub(crate) fn find(&self, facet: &str, text: &str) -> Option<u32> {
        let names = &self.facets[self.facet(facet)? as usize];

        names.labels.get(text).copied()
    }

    pub(crate) fn facet_of(&self, label: u32) -> u32 {
        self.labels[label as usize].facet
    }

    pub(crate) fn text(&self, label: u32) -> &str {
        &self.labels[label as usize].text
    }

    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// The label's number, for one more product that has it.
    pub(crate) fn take(&mut self, facet: &str, text: &str) -> u32 {
        let facet = self.facet(facet).unwrap_or_else(|| self.new_facet(facet));
        let names = &mut self.facets[facet as usize];
        let label = names.labels.get(text).copied().unwrap_or_else(|| {
            let (label, text): (u32, Arc<str>) = (self.labels.len() as u32, text.into());
            names.labels.insert(Arc::clone(&text), label);
            self.labels.push(Label { facet, text, uses: 0 });
            self.unused += 1;
            label
        });
        let uses = &mut self.labels[label as usize].uses;
        self.unused -= usize::from(*uses == 0);
        *uses += 1;

        label
    }

    /// One product less has it.
    pub(crate) fn release(&mut self, label: u32) {
        let uses = &mut self.labels[label as usize].uses;
        *uses -= 1;
        self.unused += usize::from(*uses == 0);
    }

    /// Whether more is kept than used; a thousand more is not worth the work.
    pub(crate) fn is_wasteful(&self) -> bool {
        self.unused > self.labels.len() / 2 + 1_000
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        // A label stands in a list and in a map, and its text has two counters before it.
        let label = 2 * size_of::<Label>() + 2 * size_of::<usize>();

        self.labels.iter().map(|one| one.text.len() + label).sum()
    }

    fn new_facet(&mut self, name: &str) -> u32 {
        let (facet, name): (u32, Arc<str>) = (self.facets.len() as u32, name.into());
        self.facet_ids.insert(Arc::clone(&name), facet);
        self.facets.push(Names { name, labels: FxHashMap::default() });

        facet
    }
}

/// The facets and texts of a product's labels.
pub(crate) fn of_product(product: &domain::Product) -> impl Iterator<Item = (String, &str)> {
    let brand = product.brand.iter().map(|brand| (BRAND.to_owned(), brand.as_str()));
    let attributes = product.attributes.iter();

    brand.chain(attributes.map(|(name, value)| (format!("attr.{name}"), value.as_str())))
}

//! A change of the catalogue, and the snapshot that results from it.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use domain::{CatalogProduct, Category, Collection, ProductId, Stamp};

use crate::bits::Bits;
use crate::categories::Categories;
use crate::collections::Collections;
use crate::entry::Entry;
use crate::labels::{self, Labels};
use crate::rows::{NewRow, RowRef, Rows};
use crate::snapshot::{CatalogSnapshot, Rankings};
use crate::text::document::{Documents, fingerprint, name_words};

/// What changed; a part that is `None` stays as it was. Applied to an empty snapshot it is the whole
/// catalogue.
#[derive(Clone, Debug, Default)]
pub struct SnapshotDelta {
    /// `None` removes the product. Of several states of one product the last counts.
    pub products: Vec<(ProductId, Option<CatalogProduct>)>,
    pub categories: Option<Vec<Category>>,
    pub collections: Option<Vec<Collection>>,
    pub featured: Option<Vec<ProductId>>,
    pub rankings: Option<Rankings>,
}

impl SnapshotDelta {
    /// Creates or replaces these products; everything else stays as it was.
    pub fn with_products(products: impl IntoIterator<Item = CatalogProduct>) -> Self {
        let products = products.into_iter().map(|listed| (listed.product.id, Some(listed)));

        Self { products: products.collect(), ..Self::default() }
    }
}

impl CatalogSnapshot {
    /// The snapshot with a delta applied; this one stays as it is.
    #[must_use]
    pub fn after(&self, delta: SnapshotDelta, stamp: Stamp) -> Self {
        let mut next = self.clone();
        next.stamp = stamp;

        if let Some(categories) = delta.categories {
            next.set_categories(Categories::new(categories));
        }
        next.put_all(&delta.products);
        if let Some(collections) = delta.collections {
            next.collections = Arc::new(Collections::new(collections));
        }
        if let Some(featured) = delta.featured {
            next.featured = Arc::new(featured);
        }
        if let Some(rankings) = delta.rankings {
            next.rankings = Arc::new(rankings);
        }
        if next.is_wasteful() { next.compacted() } else { next }
    }

    fn set_categories(&mut self, categories: Categories) {
        if !categories.numbers_as(&self.categories) {
            self.rows.renumber_categories(|entry| categories.number(entry.category));
            let visible = self.rows.iter().filter(|row| row.row.is_visible());
            let mut bits = Bits::default();
            visible.for_each(|row| bits.set(row.slot));
            self.visible = bits;
        }
        self.categories = Arc::new(categories);
    }

    fn put_all(&mut self, products: &[(ProductId, Option<CatalogProduct>)]) {
        let last: FxHashMap<_, _> =
            products.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
        let mut texts = Documents::default();

        for (at, (id, listed)) in products.iter().enumerate() {
            if last[id] != at {
                continue;
            }
            let entry = listed.as_ref().and_then(|listed| {
                Some((listed, Arc::new(Entry::of(listed, fingerprint(listed))?)))
            });
            match entry {
                Some((listed, entry)) => self.put(listed, &entry, &mut texts),
                None => self.remove(*id),
            }
        }
        self.text.add(texts);
    }

    fn put(&mut self, listed: &CatalogProduct, entry: &Arc<Entry>, texts: &mut Documents) {
        let Some(leading) = listed.leading() else { return };
        let known = self.slots.get(&entry.id).copied();
        let slot = known.unwrap_or_else(|| self.new_slot(entry.id));
        let before = self.rows.get(slot);
        let old_text = before.map(|row| row.entry.text);
        let labels = relabelled(&mut self.labels, before, listed);

        let row = NewRow {
            price: leading.price.amount,
            on_sale: leading.compare_at.is_some(),
            category: self.categories.number(entry.category),
            availability: listed.availability(),
            labels,
            words: name_words(&listed.product.name),
            entry: Arc::clone(entry),
        };
        self.link_variants(slot, entry);
        self.rows.put(slot, &row);
        let visible = self.rows.get(slot).is_some_and(|row| row.row.is_visible());
        self.visible.assign(slot, visible);
        if old_text != Some(entry.text) {
            self.text.remove(slot);
            texts.add(slot, listed);
        }
    }

    fn remove(&mut self, id: ProductId) {
        let Some(slot) = self.slots.get(&id).copied() else { return };
        if let Some(row) = self.rows.get(slot) {
            let labels = Arc::make_mut(&mut self.labels);
            row.labels.iter().for_each(|label| labels.release(*label));
            let variants = Arc::make_mut(&mut self.variants);
            unlink(variants, slot, row);
        }
        self.rows.remove(slot);
        self.visible.clear(slot);
        self.text.remove(slot);
        Arc::make_mut(&mut self.slots).remove(&id);
        Arc::make_mut(&mut self.free).push(slot);
    }

    fn new_slot(&mut self, id: ProductId) -> u32 {
        let free = if self.free.is_empty() { None } else { Arc::make_mut(&mut self.free).pop() };
        // A slot past the end is made by the row that is put there.
        let slot = free.unwrap_or_else(|| self.rows.slots());
        Arc::make_mut(&mut self.slots).insert(id, slot);

        slot
    }

    /// Keeps [`CatalogSnapshot::variants`] in step with a slot's product, touching it only when it must.
    fn link_variants(&mut self, slot: u32, entry: &Entry) {
        let before = self.rows.get(slot);
        let ids = |entry: &Entry| entry.variants.iter().map(|v| v.id).collect::<Vec<_>>();
        if before.is_some_and(|before| ids(before.entry) == ids(entry)) {
            return;
        }

        let variants = Arc::make_mut(&mut self.variants);
        if let Some(before) = before {
            unlink(variants, slot, before);
        }
        variants.extend(entry.variants.iter().map(|variant| (variant.id, slot)));
    }

    /// Whether what is left from products that are gone outweighs those that are here.
    fn is_wasteful(&self) -> bool {
        self.free.len() > self.slots.len() + 2_000 || self.labels.is_wasteful()
    }

    /// The same products without gaps.
    fn compacted(&self) -> Self {
        let mut rows = Rows::default();
        let mut labels = Labels::default();
        let mut visible = Bits::default();
        let mut moved = vec![None; self.rows.slots() as usize];
        let copy = |label: u32| (self.labels.facet_name(self.labels.facet_of(label)), label);

        for (slot, row) in (0..).zip(self.rows.iter()) {
            let copies = row.labels.iter().map(|label| copy(*label));
            let copies = copies.map(|(facet, label)| labels.take(facet, self.labels.text(label)));
            let copies = copies.collect();
            rows.put(slot, &NewRow::again(row, copies));
            visible.assign(slot, row.row.is_visible());
            moved[row.slot as usize] = Some(slot);
        }
        let place = |slot: u32| moved[slot as usize];
        let placed = |(id, slot): (&_, &u32)| Some((*id, place(*slot)?));
        let variants = self.variants.iter().filter_map(|(id, slot)| Some((*id, place(*slot)?)));

        Self {
            rows,
            visible,
            labels: Arc::new(labels),
            text: self.text.moved(place),
            slots: Arc::new(self.slots.iter().filter_map(placed).collect()),
            variants: Arc::new(variants.collect()),
            free: Arc::default(),
            ..self.clone()
        }
    }
}

/// The product's labels, taken and released only where they differ from those before.
fn relabelled(
    labels: &mut Arc<Labels>,
    before: Option<RowRef<'_>>,
    listed: &CatalogProduct,
) -> Vec<u32> {
    let wanted: Vec<_> = labels::of_product(&listed.product).collect();
    let known: Option<Vec<_>> =
        wanted.iter().map(|(facet, text)| labels.find(facet, text)).collect();
    if let (Some(known), Some(before)) = (&known, before)
        && known == before.labels
    {
        return known.clone();
    }

    let labels = Arc::make_mut(labels);
    let taken = wanted.iter().map(|(facet, text)| labels.take(facet, text)).collect();
    for label in before.map_or(&[][..], |before| before.labels) {
        labels.release(*label);
    }
    taken
}

fn unlink(variants: &mut FxHashMap<domain::VariantId, u32>, slot: u32, row: RowRef<'_>) {
    for variant in &row.entry.variants {
        // A variant that moved to another product is that one's by now.
        if variants.get(&variant.id) == Some(&slot) {
            variants.remove(&variant.id);
        }
    }
}

//! The words of a product, field by field.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use domain::CatalogProduct;

use super::markup::plain_text;
use super::postings::{Fields, PostingsBuilder};
use super::words::{fold, is_stop_word, squeezed, stem, words, words_and_compounds};

/// The texts that a delta adds.
#[derive(Default)]
pub(crate) struct Documents {
    pub(super) postings: PostingsBuilder,
    pub(super) slots: Vec<u32>,
}

impl Documents {
    pub(crate) fn add(&mut self, slot: u32, listed: &CatalogProduct) {
        let product = &listed.product;
        let mut add = |field, text: &str| {
            words_and_compounds(&fold(&plain_text(text)), |word| {
                self.postings.add(slot, field, word)
            });
        };

        add(Fields::NAME, &product.name);
        product.brand.iter().for_each(|brand| add(Fields::BRAND, brand));
        product.attributes.values().for_each(|value| add(Fields::ATTRIBUTES, value));
        add(Fields::DESCRIPTION, &product.description);
        for variant in &listed.variants {
            variant.options.values().for_each(|value| add(Fields::ATTRIBUTES, value));
        }
        for variant in &listed.variants {
            let sku = squeezed(variant.sku.as_str());
            if !sku.is_empty() {
                self.postings.add(slot, Fields::SKU, &sku);
            }
        }
        self.slots.push(slot);
    }
}

/// A number that changes when any of the words that [`Documents::add`] takes does.
pub(crate) fn fingerprint(listed: &CatalogProduct) -> u64 {
    let product = &listed.product;
    let mut hasher = FxHasher::default();

    (&product.name, &product.brand, &product.attributes, &product.description).hash(&mut hasher);
    for variant in &listed.variants {
        (&variant.sku, &variant.options).hash(&mut hasher);
    }
    hasher.finish()
}

pub(crate) fn name_words(name: &str) -> Vec<u32> {
    let mut stems = Vec::new();
    words(&fold(&plain_text(name)), |word, _| {
        if !is_stop_word(word) {
            stems.push(stem(word) as u32);
        }
    });

    stems
}

//! Our side: a catalogue snapshot.

use anyhow::Result;
use domain::{CatalogProduct, LogId, ProductId, Seq, Stamp};
use search::{Index, SnapshotDelta};

use super::products::Products;
use super::queries::Wanted;

pub struct Ours {
    index: Index,
    seq: u64,
}

/// An answer's bytes, and how many products there are on all pages.
pub struct Answer {
    pub total: u64,
    pub json: Vec<u8>,
}

impl Ours {
    pub fn new(products: &Products) -> Self {
        let index = Index::new();
        let catalogue = SnapshotDelta {
            categories: Some(products.categories.clone()),
            ..SnapshotDelta::with_products(products.listed.clone())
        };
        index.rebuild(catalogue, stamp(1));

        Self { index, seq: 1 }
    }

    pub fn answer(&self, wanted: &Wanted) -> Result<Answer> {
        let page = self.index.snapshot().list(&wanted.to_list_query())?;

        Ok(Answer { total: page.total, json: page.to_json() })
    }

    pub fn change(&mut self, product: &CatalogProduct) {
        self.seq += 1;
        let delta = SnapshotDelta::with_products([product.clone()]);

        self.index.apply(delta, stamp(self.seq));
    }

    /// A product's card as JSON, of the newest state.
    pub fn card(&self, id: ProductId) -> Option<Vec<u8>> {
        self.index.snapshot().card(id).map(|card| card.to_json())
    }
}

fn stamp(seq: u64) -> Stamp {
    Stamp { log: LogId::default(), seq: Seq(seq) }
}

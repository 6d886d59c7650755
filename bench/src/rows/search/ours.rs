//! Our side: the shelf.

use anyhow::Result;
use domain::{CatalogProduct, LogId, ProductId, Seq, Stamp};
use search::{Batch, Contents, Index};

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
        let contents = Contents {
            products: products.listed.clone(),
            categories: products.categories.clone(),
            ..Contents::default()
        };
        index.rebuild(contents, stamp(1));

        Self { index, seq: 1 }
    }

    pub fn answer(&self, wanted: &Wanted) -> Result<Answer> {
        let page = self.index.shelf().list(&wanted.to_list_query())?;

        Ok(Answer { total: page.total, json: page.to_json() })
    }

    pub fn change(&mut self, product: &CatalogProduct) {
        self.seq += 1;
        let products = vec![(product.product.id, Some(product.clone()))];

        self.index.apply(Batch { products, ..Batch::default() }, stamp(self.seq));
    }

    /// A product's card as JSON, of the newest state.
    pub fn card(&self, id: ProductId) -> Option<Vec<u8>> {
        self.index.shelf().card(id).map(|card| card.to_json())
    }
}

fn stamp(seq: u64) -> Stamp {
    Stamp { log: LogId::default(), seq: Seq(seq) }
}

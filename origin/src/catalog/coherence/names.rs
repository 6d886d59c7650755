//! Every cached read that can distinguish two states of a small shop, and the origin's answer to it.

use std::collections::BTreeSet;

use domain::{
    CatalogRead, CategoryId, CollectionId, ListQuery, PriceRange, ProductId, Ref, Slug, Sort,
};
use search::CatalogSnapshot;
use store::Contents;

use crate::catalog::render::{self, Page};

/// Few enough that a product which is not shown can replace one that is.
const RECOMMENDED: usize = 2;

/// Every id and slug that a read can name.
#[derive(Default)]
pub struct Names {
    products: BTreeSet<ProductId>,
    categories: BTreeSet<CategoryId>,
    collections: BTreeSet<CollectionId>,
    slugs: BTreeSet<Slug>,
}

impl Names {
    pub fn of(states: [&Contents; 2]) -> Self {
        let mut names = Self::default();

        for state in states {
            names.products.extend(state.products.iter().map(|found| found.product.id));
            names.categories.extend(state.categories.iter().map(|category| category.id));
            names.collections.extend(state.collections.iter().map(|collection| collection.id));
            names.slugs.extend(state.products.iter().map(|found| found.product.slug.clone()));
            names.slugs.extend(state.categories.iter().map(|category| category.slug.clone()));
            names.slugs.extend(state.collections.iter().map(|found| found.slug.clone()));
        }
        names
    }

    pub fn reads(&self) -> Vec<CatalogRead> {
        let products = refs(&self.products, &self.slugs);
        let categories = refs(&self.categories, &self.slugs);
        let mut reads = vec![CatalogRead::Categories, CatalogRead::Featured];

        reads.push(CatalogRead::Bestsellers { category: None });
        reads.extend(products.iter().cloned().map(CatalogRead::Product));
        reads.extend(products.into_iter().map(CatalogRead::Recommendations));
        reads.extend(
            categories.into_iter().map(|of| CatalogRead::Bestsellers { category: Some(of) }),
        );
        for query in self.lists() {
            reads.push(CatalogRead::Products(query.clone()));
            reads.push(CatalogRead::Search(query));
        }
        reads
    }

    /// Lists of all products, of each category, of each collection, and of both; plain, filtered,
    /// searched and sorted.
    fn lists(&self) -> Vec<ListQuery> {
        let mut lists = vec![ListQuery::default()];
        for category in refs(&self.categories, &self.slugs) {
            lists.push(ListQuery { category: Some(category), ..ListQuery::default() });
        }
        for collection in refs(&self.collections, &self.slugs) {
            lists.push(ListQuery { collection: Some(collection), ..ListQuery::default() });
        }
        for category in self.categories.iter().copied().map(Ref::Id) {
            for collection in self.collections.iter().copied().map(Ref::Id) {
                let (category, collection) = (Some(category.clone()), Some(collection));
                lists.push(ListQuery { category, collection, ..ListQuery::default() });
            }
        }

        let price = Some(PriceRange { min: None, max: Some(1_500) });
        let cheap = |list: &ListQuery| ListQuery { price, sort: Sort::PriceAsc, ..list.clone() };
        let found = |list: &ListQuery| ListQuery { q: Some("p1".into()), ..list.clone() };
        let in_stock = |list: &ListQuery| ListQuery { in_stock: true, ..list.clone() };
        let derived: Vec<_> =
            lists.iter().flat_map(|list| [cheap(list), found(list), in_stock(list)]).collect();
        lists.extend(derived);
        lists
    }
}

/// The answer of [`super::super::reads`] in one state.
pub fn answer(read: &CatalogRead, contents: &Contents, snapshot: &CatalogSnapshot) -> Page {
    let product = |requested: &Ref<ProductId>| {
        contents.products.iter().find(|found| match requested {
            Ref::Id(id) => found.product.id == *id,
            Ref::Slug(slug) => found.product.slug == *slug,
        })
    };

    match read {
        CatalogRead::Product(requested) => render::product(snapshot, requested, product(requested)),
        CatalogRead::Recommendations(requested) => {
            let id = product(requested).map(|found| found.product.id);
            render::recommendations(snapshot, requested, id, RECOMMENDED)
        }
        list => render::list(snapshot, list),
    }
}

fn refs<I: Copy>(ids: &BTreeSet<I>, slugs: &BTreeSet<Slug>) -> Vec<Ref<I>> {
    ids.iter().copied().map(Ref::Id).chain(slugs.iter().cloned().map(Ref::Slug)).collect()
}

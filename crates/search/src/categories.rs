//! The category tree as lists need it: numbers to compare, JSON to show, words to search.

use std::sync::Arc;

use domain::api::{CategoryLink, CategoryNode};
use domain::{Category, CategoryId, CategoryTree, Ref};

use crate::bits::Bits;
use crate::rows::NO_CATEGORY;
use crate::text::postings::{Fields, Postings, PostingsBuilder};
use crate::text::words::{fold, words_and_compounds};

#[derive(Debug, Default)]
pub(crate) struct Categories {
    tree: CategoryTree,
    /// Sorted; a category's number is its place here.
    ids: Vec<CategoryId>,
    /// What cards show of each.
    json: Vec<Arc<[u8]>>,
    /// The words of each category's name and of those above it; the slots are numbers.
    words: Postings,
}

impl Categories {
    pub(crate) fn new(categories: impl IntoIterator<Item = Category>) -> Self {
        let tree = CategoryTree::new(categories);
        let mut ids: Vec<_> = tree.iter().map(|category| category.id).collect();
        ids.sort_unstable();
        let json = ids.iter().filter_map(|id| tree.get(*id)).map(|category| {
            let link = serde_json::to_vec(&CategoryLink::of(category));
            link.expect("a link has text keys alone").into()
        });
        let json = json.collect();
        let mut words = PostingsBuilder::default();
        for (number, id) in (0..).zip(&ids) {
            for category in tree.lineage(*id).into_iter().filter_map(|above| tree.get(above)) {
                words_and_compounds(&fold(&category.name), |word| {
                    words.add(number, Fields::CATEGORY, word);
                });
            }
        }

        Self { tree, ids, json, words: words.finish() }
    }

    pub(crate) fn tree(&self) -> &CategoryTree {
        &self.tree
    }

    pub(crate) fn words(&self) -> &Postings {
        &self.words
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether every category has the same number in both.
    pub(crate) fn numbers_as(&self, other: &Self) -> bool {
        self.ids == other.ids
    }

    pub(crate) fn number(&self, id: CategoryId) -> u32 {
        self.ids.binary_search(&id).map_or(NO_CATEGORY, |number| number as u32)
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Category> {
        self.tree.get(*self.ids.get(number as usize)?)
    }

    /// What cards show; `null` for a category that is gone, which only admins can see.
    pub(crate) fn json(&self, number: u32) -> Arc<[u8]> {
        self.json.get(number as usize).map_or_else(|| Arc::from(&b"null"[..]), Arc::clone)
    }

    pub(crate) fn find(&self, reference: &Ref<CategoryId>) -> Option<&Category> {
        self.tree.find(reference)
    }

    /// The numbers of a category and of everything below it.
    pub(crate) fn within(&self, id: CategoryId) -> Bits {
        let mut found = Bits::default();
        let mut next = vec![id];

        while let Some(id) = next.pop() {
            let number = self.number(id);
            if number != NO_CATEGORY && !found.contains(number) {
                found.set(number);
                next.extend(self.tree.children(Some(id)));
            }
        }
        found
    }

    /// The tree to show, given how many products stand in each category itself.
    pub(crate) fn nodes(&self, own: &[u64]) -> Vec<CategoryNode<'_>> {
        let mut counts = vec![0; self.len()];
        for (id, own) in self.ids.iter().zip(own) {
            for above in self.tree.lineage(*id) {
                counts[self.number(above) as usize] += own;
            }
        }

        self.nodes_below(None, &counts)
    }

    fn nodes_below(&self, parent: Option<CategoryId>, counts: &[u64]) -> Vec<CategoryNode<'_>> {
        let children = self.tree.children(parent).iter().filter_map(|id| self.tree.get(*id));

        children
            .map(|category| {
                let link = CategoryLink::of(category);
                CategoryNode {
                    id: link.id,
                    slug: link.slug,
                    name: link.name,
                    product_count: counts[self.number(category.id) as usize],
                    children: self.nodes_below(Some(category.id), counts),
                }
            })
            .collect()
    }
}

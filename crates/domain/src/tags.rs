//! The table from a catalogue write to the tags of its row in the change log: those of the state
//! before *and* after it, so that no answer made of either stays valid.

use std::collections::BTreeSet;

use crate::{CategoryId, CategoryTree, CollectionId, Product, ProductId, Slug, Status, Tag};

/// A catalogue write, as far as caches are concerned.
#[derive(Clone, Debug)]
pub enum Write<'a> {
    /// A product came, went, was published, hidden, moved, renamed in its URL, or only edited (its
    /// variants and their stock buckets included); `None` stands for "not there".
    Product {
        before: Option<&'a Product>,
        after: Option<&'a Product>,
        lists: Lists<'a>,
    },
    /// A category came, went or was edited; the trees are those before and after.
    Category {
        id: CategoryId,
        before: &'a CategoryTree,
        after: &'a CategoryTree,
    },
    Collection {
        id: CollectionId,
        slugs: Vec<Slug>,
    },
    Featured,
    /// A ranking that really changed: the shop's (`None`), or a category's.
    Bestsellers {
        category: Option<CategoryId>,
    },
    /// More than a job may name one by one.
    Everything,
}

/// The lists that a product stands in, before or after a write.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a> {
    pub tree: &'a CategoryTree,
    pub collections: &'a [CollectionId],
    pub featured: bool,
    /// The shop's ranking is `None`.
    pub rankings: &'a [Option<CategoryId>],
}

/// The tags of the row that the write appends; sorted, each once.
pub fn of_write(write: &Write<'_>) -> Vec<Tag> {
    let mut tags = BTreeSet::new();

    match write {
        Write::Product { before, after, lists } => {
            for product in before.iter().chain(after) {
                tags.extend([Tag::product(product.id), Tag::PRODUCTS]);
                tags.insert(Tag::category(product.category));
                tags.extend(lists.tree.lineage(product.category).into_iter().map(Tag::category));
            }
            tags.extend(lists.collections.iter().map(|id| Tag::collection(*id)));
            if moves_between_lists(*before, *after) {
                tags.insert(Tag::CATEGORIES);
                tags.extend(before.iter().chain(after).map(|product| Tag::slug(&product.slug)));
                // A list put together by hand shows it again: while it did not, that list's answer
                // did not carry the product's own tag.
                tags.extend(lists.featured.then_some(Tag::FEATURED));
                tags.extend(lists.rankings.iter().map(|category| of_ranking(*category)));
            }
        }
        Write::Category { id, before, after } => {
            tags.extend([Tag::CATEGORIES, Tag::PRODUCTS]);
            for tree in [before, after] {
                tags.extend(tree.lineage(*id).into_iter().map(Tag::category));
                tags.extend(tree.descendants(*id).into_iter().map(Tag::category));
            }
            // It came or went: what is asked for by its name answers otherwise, its ranking too.
            if before.get(*id).is_some() != after.get(*id).is_some() {
                let found = before.get(*id).or_else(|| after.get(*id));
                tags.extend(found.map(|category| Tag::slug(&category.slug)));
                tags.insert(Tag::bestsellers(*id));
            }
            // Every card shows its category's name and slug, facets count by them, rules of
            // collections go by the tree: any answer may change. It is a rare write.
            if shows_elsewhere(*id, before, after) {
                tags.insert(Tag::CATALOG);
            }
        }
        Write::Collection { id, slugs } => {
            tags.insert(Tag::collection(*id));
            tags.extend(slugs.iter().map(Tag::slug));
        }
        Write::Featured => {
            tags.insert(Tag::FEATURED);
        }
        Write::Bestsellers { category } => {
            tags.insert(of_ranking(*category));
        }
        Write::Everything => {
            tags.insert(Tag::CATALOG);
        }
    }

    tags.into_iter().collect()
}

/// Whether a write takes something from the public, see [`crate::ChangeRow::hard`].
pub fn is_hard(write: &Write<'_>) -> bool {
    match write {
        Write::Product { before: Some(before), after, .. } => {
            before.status == Status::Published
                && after.is_none_or(|after| after.status != Status::Published)
        }
        Write::Product { before: None, .. }
        | Write::Category { .. }
        | Write::Collection { .. }
        | Write::Featured
        | Write::Bestsellers { .. }
        | Write::Everything => false,
    }
}

fn of_ranking(category: Option<CategoryId>) -> Tag {
    category.map_or(Tag::BESTSELLERS, Tag::bestsellers)
}

/// Whether lists gain or lose it, or its URL answers differently.
fn moves_between_lists(before: Option<&Product>, after: Option<&Product>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => {
            (before.status, before.category, &before.slug)
                != (after.status, after.category, &after.slug)
        }
        (None, None) => false,
        (Some(_), None) | (None, Some(_)) => true,
    }
}

/// Whether a category that stays is called otherwise or hangs elsewhere.
fn shows_elsewhere(id: CategoryId, before: &CategoryTree, after: &CategoryTree) -> bool {
    before.get(id).zip(after.get(id)).is_some_and(|(before, after)| {
        (&before.name, &before.slug, before.parent) != (&after.name, &after.slug, after.parent)
    })
}

/// The tags of a page that shows these products.
pub fn of_shown(products: impl IntoIterator<Item = ProductId>) -> impl Iterator<Item = Tag> {
    products.into_iter().map(Tag::product)
}

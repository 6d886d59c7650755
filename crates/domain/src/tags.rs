//! The table from a catalogue write to the tags of its row in the change log: those of the state
//! before *and* after it, so that no answer made of either stays valid.

use std::collections::BTreeSet;

use crate::{CategoryId, CategoryTree, CollectionId, Product, ProductId, Slug, Status, Tag};

/// A catalogue write, as far as caches are concerned.
#[derive(Clone, Debug)]
pub enum Write<'a> {
    /// A product came, went, was published, hidden, moved, renamed in its URL, or only edited;
    /// `None` stands for "not there".
    Product {
        before: Option<&'a Product>,
        after: Option<&'a Product>,
    },
    /// A variant's price, or which stock bucket it is in.
    Variant {
        product: &'a Product,
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
    /// Rankings that really changed: the shop's, or a category's.
    Bestsellers {
        categories: Vec<Option<CategoryId>>,
    },
    /// More than a job may name one by one.
    Everything,
}

/// The tags of the row that the write appends; sorted, each once.
pub fn of_write(write: &Write<'_>, tree: &CategoryTree, collections: &[CollectionId]) -> Vec<Tag> {
    let mut tags = BTreeSet::new();

    match write {
        Write::Product { before, after } => {
            for product in before.iter().chain(after) {
                of_content(product, tree, &mut tags);
            }
            tags.extend(collections.iter().map(|id| Tag::collection(*id)));
            if moves_between_lists(*before, *after) {
                // A list put together by hand shows it again, or no more.
                tags.extend([Tag::CATEGORIES, Tag::FEATURED, Tag::BESTSELLERS]);
                for product in before.iter().chain(after) {
                    tags.extend(tree.lineage(product.category).into_iter().map(Tag::bestsellers));
                }
                tags.extend(before.iter().chain(after).map(|product| Tag::slug(&product.slug)));
            }
        }
        Write::Variant { product } => {
            of_content(product, tree, &mut tags);
            tags.extend(collections.iter().map(|id| Tag::collection(*id)));
        }
        Write::Category { id, before, after } => {
            tags.extend([Tag::CATEGORIES, Tag::PRODUCTS]);
            for tree in [before, after] {
                tags.extend(tree.lineage(*id).into_iter().map(Tag::category));
                tags.extend(tree.descendants(*id).into_iter().map(Tag::category));
            }
        }
        Write::Collection { id, slugs } => {
            tags.insert(Tag::collection(*id));
            tags.extend(slugs.iter().map(Tag::slug));
        }
        Write::Featured => {
            tags.insert(Tag::FEATURED);
        }
        Write::Bestsellers { categories } => {
            tags.extend(categories.iter().map(|category| match category {
                Some(category) => Tag::bestsellers(*category),
                None => Tag::BESTSELLERS,
            }));
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
        Write::Product { before: Some(before), after } => {
            before.status == Status::Published
                && after.is_none_or(|after| after.status != Status::Published)
        }
        Write::Product { before: None, .. }
        | Write::Variant { .. }
        | Write::Category { .. }
        | Write::Collection { .. }
        | Write::Featured
        | Write::Bestsellers { .. }
        | Write::Everything => false,
    }
}

fn of_content(product: &Product, tree: &CategoryTree, tags: &mut BTreeSet<Tag>) {
    tags.extend([Tag::product(product.id), Tag::PRODUCTS]);
    tags.insert(Tag::category(product.category));
    tags.extend(tree.lineage(product.category).into_iter().map(Tag::category));
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

/// The tags of a page that shows these products.
pub fn of_shown(products: impl IntoIterator<Item = ProductId>) -> impl Iterator<Item = Tag> {
    products.into_iter().map(Tag::product)
}

//! The category tree.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{CategoryId, Ref, Slug, Timestamp};

/// Deep enough for any shop; bounds every walk up the tree.
pub const DEPTH_MAX: usize = 8;

/// All of them are one answer, which edges keep: with the longest names some 5 MB.
pub const CATEGORIES_MAX: usize = 5_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    pub id: CategoryId,
    pub slug: Slug,
    pub name: String,
    #[serde(default)]
    pub parent: Option<CategoryId>,
    /// Siblings are shown by this number, then by name.
    #[serde(default)]
    pub position: i64,
    pub version: u64,
    pub updated_at: Timestamp,
}

/// All categories, with the way up and down. Clones share the categories.
#[derive(Clone, Debug, Default)]
pub struct CategoryTree {
    by_id: HashMap<CategoryId, Arc<Category>>,
    by_slug: HashMap<Slug, CategoryId>,
    children: HashMap<Option<CategoryId>, Vec<CategoryId>>,
}

impl CategoryTree {
    pub fn new(categories: impl IntoIterator<Item = Category>) -> Self {
        let categories = categories.into_iter().map(|category| (category.id, Arc::new(category)));

        Self::of(categories.collect())
    }

    fn of(by_id: HashMap<CategoryId, Arc<Category>>) -> Self {
        let by_slug = by_id.values().map(|category| (category.slug.clone(), category.id)).collect();
        let mut children: HashMap<Option<CategoryId>, Vec<CategoryId>> = HashMap::new();

        for category in by_id.values() {
            // A parent that is gone makes its children roots, so that nothing disappears.
            let parent = category.parent.filter(|parent| by_id.contains_key(parent));
            children.entry(parent).or_default().push(category.id);
        }
        for siblings in children.values_mut() {
            siblings.sort_by(|a, b| place(&by_id[a]).cmp(&place(&by_id[b])));
        }

        Self { by_id, by_slug, children }
    }

    /// Adds a category, or puts another state of it in place. A new one costs as much as it has
    /// siblings; it has nothing below it, as ids are not chosen.
    pub fn put(&mut self, category: Category) {
        if let Some(known) = self.by_id.get_mut(&category.id) {
            *known = Arc::new(category);
            *self = Self::of(std::mem::take(&mut self.by_id));
            return;
        }
        let parent = category.parent.filter(|parent| self.by_id.contains_key(parent));
        let siblings = self.children.entry(parent).or_default();
        let at = siblings.partition_point(|other| place(&self.by_id[other]) < place(&category));

        siblings.insert(at, category.id);
        self.by_slug.insert(category.slug.clone(), category.id);
        self.by_id.insert(category.id, Arc::new(category));
    }

    #[must_use]
    pub fn with(&self, category: Category) -> Self {
        let mut tree = self.clone();
        tree.put(category);
        tree
    }

    #[must_use]
    pub fn without(&self, id: CategoryId) -> Self {
        let mut by_id = self.by_id.clone();
        by_id.remove(&id);
        Self::of(by_id)
    }

    pub fn get(&self, id: CategoryId) -> Option<&Category> {
        self.by_id.get(&id).map(Arc::as_ref)
    }

    pub fn find(&self, reference: &Ref<CategoryId>) -> Option<&Category> {
        match reference {
            Ref::Id(id) => self.get(*id),
            Ref::Slug(slug) => self.get(*self.by_slug.get(slug)?),
        }
    }

    /// The children of a category, or the roots, in the order in which they are shown.
    pub fn children(&self, parent: Option<CategoryId>) -> &[CategoryId] {
        self.children.get(&parent).map_or(&[], Vec::as_slice)
    }

    /// The category itself, then its parent, and so on up to its root.
    pub fn lineage(&self, id: CategoryId) -> Vec<CategoryId> {
        let mut lineage = Vec::new();
        let mut next = self.by_id.get(&id);

        while let Some(category) = next {
            if lineage.len() >= DEPTH_MAX || lineage.contains(&category.id) {
                break;
            }
            lineage.push(category.id);
            next = category.parent.and_then(|parent| self.by_id.get(&parent));
        }
        lineage
    }

    /// The category itself and everything below it.
    pub fn descendants(&self, id: CategoryId) -> Vec<CategoryId> {
        let mut found = vec![id];
        let mut seen = HashSet::from([id]);
        let mut at = 0;

        while let Some(parent) = found.get(at).copied() {
            let children = self.children(Some(parent)).iter().copied();
            found.extend(children.filter(|child| seen.insert(*child)));
            at += 1;
        }
        found
    }

    /// Whether `category` may hang below `parent`: no circle, and no deeper than [`DEPTH_MAX`].
    pub fn may_hang_below(&self, category: CategoryId, parent: CategoryId) -> bool {
        let lineage = self.lineage(parent);

        !lineage.contains(&category) && lineage.len() + self.height(category) <= DEPTH_MAX
    }

    fn height(&self, id: CategoryId) -> usize {
        let below = self.children(Some(id)).iter().map(|child| self.height(*child)).max();

        1 + below.unwrap_or(0)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Category> {
        self.by_id.values().map(Arc::as_ref)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

/// The order of siblings.
fn place(category: &Category) -> (i64, &str, CategoryId) {
    (category.position, &category.name, category.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(number: u8, parent: Option<u8>) -> Category {
        let id = |number| CategoryId::from_bytes([number; 16]);

        Category {
            id: id(number),
            slug: format!("category-{number}").parse().unwrap(),
            name: format!("Category {}", number % 5),
            parent: parent.map(id),
            position: i64::from(number % 3),
            version: 1,
            updated_at: Timestamp::default(),
        }
    }

    fn looks(tree: &CategoryTree) -> Vec<(Option<Category>, Vec<CategoryId>)> {
        let ids = (0..40).map(|number| CategoryId::from_bytes([number; 16]));
        let parents = std::iter::once(None).chain(ids.map(Some));

        let looks = parents.map(|parent| {
            let found = parent.and_then(|id| tree.get(id)).cloned();
            let by_slug = found.as_ref().and_then(|it| tree.find(&Ref::Slug(it.slug.clone())));
            assert_eq!(by_slug, found.as_ref());
            (found, tree.children(parent).to_vec())
        });
        looks.collect()
    }

    #[test]
    fn a_tree_that_grew_is_the_tree_that_was_read() {
        let all: Vec<_> =
            (0..40).map(|n| category(n, (n > 3).then_some(n / 3).filter(|_| n % 7 != 0))).collect();
        let mut grown = CategoryTree::default();

        for (made, category) in all.iter().enumerate() {
            grown.put(category.clone());
            assert_eq!(looks(&grown), looks(&CategoryTree::new(all[..=made].to_vec())));
        }
        let moved = Category { parent: all[5].parent, position: -1, ..all[30].clone() };
        grown.put(moved.clone());

        let others = all.iter().filter(|other| other.id != moved.id).cloned();
        assert_eq!(looks(&grown), looks(&CategoryTree::new(others.clone().chain([moved.clone()]))));
        assert_eq!(looks(&grown.without(all[30].id)), looks(&CategoryTree::new(others)));
    }
}

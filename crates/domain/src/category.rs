//! The category tree.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{CategoryId, Ref, Slug, Timestamp};

/// Deep enough for any shop; bounds every walk up the tree.
pub const DEPTH_MAX: usize = 8;

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

/// All categories, with the way up and down.
#[derive(Clone, Debug, Default)]
pub struct CategoryTree {
    by_id: HashMap<CategoryId, Category>,
    by_slug: HashMap<Slug, CategoryId>,
    children: HashMap<Option<CategoryId>, Vec<CategoryId>>,
}

impl CategoryTree {
    pub fn new(categories: impl IntoIterator<Item = Category>) -> Self {
        let by_id: HashMap<_, _> =
            categories.into_iter().map(|category| (category.id, category)).collect();
        let by_slug = by_id.values().map(|category| (category.slug.clone(), category.id)).collect();
        let mut children: HashMap<Option<CategoryId>, Vec<CategoryId>> = HashMap::new();

        for category in by_id.values() {
            // A parent that is gone makes its children roots, so that nothing disappears.
            let parent = category.parent.filter(|parent| by_id.contains_key(parent));
            children.entry(parent).or_default().push(category.id);
        }
        for siblings in children.values_mut() {
            siblings.sort_by(|a, b| {
                let (a, b) = (&by_id[a], &by_id[b]);
                (a.position, &a.name, a.id).cmp(&(b.position, &b.name, b.id))
            });
        }

        Self { by_id, by_slug, children }
    }

    pub fn get(&self, id: CategoryId) -> Option<&Category> {
        self.by_id.get(&id)
    }

    pub fn find(&self, reference: &Ref<CategoryId>) -> Option<&Category> {
        match reference {
            Ref::Id(id) => self.by_id.get(id),
            Ref::Slug(slug) => self.by_id.get(self.by_slug.get(slug)?),
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
        let mut at = 0;

        while let Some(parent) = found.get(at).copied() {
            for child in self.children(Some(parent)) {
                if !found.contains(child) {
                    found.push(*child);
                }
            }
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
        self.by_id.values()
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

//! Categories, read and written.

use std::sync::Arc;

use domain::category::CATEGORIES_MAX;
use domain::draft::{CategoryDraft, CategoryPatch};
use domain::tags::Write;
use domain::{Category, CategoryId, CategoryTree, Change, FieldError, Ref, Seq, Slug};
use ports::Attributes;
use serde_json::json;

use crate::catalog::lost::{Lost, Try};
use crate::catalog::plan::{Plan, at_version};
use crate::catalog::{Catalog, Committed, What, stored};
use crate::keys::{self, SlugOf};
use crate::{StoreError, WriteContext};

impl Catalog {
    pub async fn tree(&self) -> Result<CategoryTree, StoreError> {
        let rows = self.partition(keys::CATEGORIES).await?;
        let categories: Result<Vec<Category>, _> =
            rows.into_iter().map(|row| stored(row, "a category")).collect();

        Ok(CategoryTree::new(categories?))
    }

    pub async fn create_category(
        &self,
        draft: &CategoryDraft,
        by: impl Into<WriteContext<'_, Category>>,
    ) -> Result<Committed<Category>, StoreError> {
        let by = by.into();
        self.retry(|| self.try_create_category(draft, by)).await
    }

    pub async fn update_category(
        &self,
        id: CategoryId,
        version: u64,
        patch: &CategoryPatch,
        by: impl Into<WriteContext<'_, Category>>,
    ) -> Result<Committed<Category>, StoreError> {
        let by = by.into();
        self.retry(|| self.try_update_category(id, version, patch, by)).await
    }

    /// The caller knows that no product is in it as of the log's row `empty_at`; `Busy` if anything
    /// was written since, as that may have put one in. Categories below it are checked here.
    pub async fn delete_category(
        &self,
        id: CategoryId,
        version: u64,
        empty_at: Seq,
        by: impl Into<WriteContext<'_, ()>>,
    ) -> Result<Committed<()>, StoreError> {
        let by = by.into();
        self.retry(|| self.try_delete_category(id, version, empty_at, by)).await
    }

    async fn try_create_category(
        &self,
        draft: &CategoryDraft,
        by: WriteContext<'_, Category>,
    ) -> Try<Committed<Category>> {
        let around = self.surroundings().await?;
        let now = self.world.now();
        let id = CategoryId::new(now, self.world.random());
        let slug = match &draft.slug {
            Some(slug) => slug.clone(),
            None => free_slug(&around.tree, &draft.name, id)?,
        };
        let category = Category {
            id,
            slug,
            name: draft.name.clone(),
            parent: draft.parent,
            position: draft.position,
            version: 1,
            updated_at: now,
        };
        hangs_well(&around.tree, &category)?;

        let mut plan = Plan::default();
        plan.put_new(keys::category(id), Attributes::of(&category)?);
        plan.claim_slug(SlugOf::Category, &category.slug, id)?;
        if let Some(parent) = category.parent {
            plan.keep_category(parent);
        }
        let after = around.with_tree(around.tree.with(category.clone()), self.world.random());
        plan.tag(&Write::Category { id, before: &around.tree, after: &after.tree });
        plan.changed(Change::to(id.to_string(), 1));
        plan.moves(&around, Some(after));
        let what = What {
            action: "category.create",
            entity: id.to_string(),
            details: json!({ "name": category.name, "slug": category.slug }),
        };
        match self.commit(plan, by, what, category).await {
            // A slug of our own choosing was taken by somebody else in the meantime.
            Err(Lost::For(StoreError::SlugTaken(_))) if draft.slug.is_none() => Err(Lost::Moved),
            answer => answer,
        }
    }

    async fn try_update_category(
        &self,
        id: CategoryId,
        version: u64,
        patch: &CategoryPatch,
        by: WriteContext<'_, Category>,
    ) -> Try<Committed<Category>> {
        let around = self.surroundings().await?;
        let old = at(&around.tree, id, version)?;
        let mut new = patched(&old, patch);
        if new == old {
            return self.unchanged(by, old).await;
        }
        hangs_well(&around.tree, &new)?;
        new.version += 1;
        new.updated_at = self.world.now();

        let mut plan = Plan::default();
        plan.replace(keys::category(id), Attributes::of(&new)?, version);
        if old.slug != new.slug {
            plan.free_slug(SlugOf::Category, &old.slug);
            plan.claim_slug(SlugOf::Category, &new.slug, id)?;
        }
        if let Some(parent) = new.parent.filter(|parent| Some(*parent) != old.parent) {
            plan.keep_category(parent);
        }
        let after = around.with_tree(around.tree.with(new.clone()), self.world.random());
        plan.tag(&Write::Category { id, before: &around.tree, after: &after.tree });
        plan.changed(Change::to(id.to_string(), new.version));
        plan.moves(&around, Some(after));
        let what = What {
            action: "category.update",
            entity: id.to_string(),
            details: json!({ "name": new.name, "slug": new.slug, "parent": new.parent }),
        };
        self.commit(plan, by, what, new).await
    }

    async fn try_delete_category(
        &self,
        id: CategoryId,
        version: u64,
        empty_at: Seq,
        by: WriteContext<'_, ()>,
    ) -> Try<Committed<()>> {
        let around = self.surroundings().await?;
        let old = at(&around.tree, id, version)?;
        if !around.tree.children(Some(id)).is_empty() {
            return Err(StoreError::InUse("it has categories below it".into()).into());
        }

        let mut plan = Plan::default();
        plan.remove(keys::category(id), at_version(version));
        plan.free_slug(SlugOf::Category, &old.slug);
        if let Some(ranking) = around.rankings.get(&Some(id)) {
            plan.remove(keys::ranking(Some(id)), at_version(ranking.version));
            plan.tag(&Write::Bestsellers { category: Some(id) });
            plan.changed(Change::gone(keys::ranking(Some(id)).sk, ranking.version + 1));
        }
        let mut after = around.with_tree(around.tree.without(id), self.world.random());
        if after.rankings.contains_key(&Some(id)) {
            Arc::make_mut(&mut after.rankings).remove(&Some(id));
        }
        plan.tag(&Write::Category { id, before: &around.tree, after: &after.tree });
        plan.changed(Change::gone(id.to_string(), version + 1));
        plan.moves(&around, Some(after));
        plan.only_after(empty_at);
        let what = What {
            action: "category.delete",
            entity: id.to_string(),
            details: json!({ "name": old.name, "slug": old.slug }),
        };
        self.commit(plan, by, what, ()).await
    }
}

fn patched(old: &Category, patch: &CategoryPatch) -> Category {
    let mut new = old.clone();
    if let Some(name) = &patch.name {
        new.name.clone_from(name);
    }
    if let Some(slug) = &patch.slug {
        new.slug = slug.clone();
    }
    if let Some(parent) = patch.parent {
        new.parent = parent;
    }
    if let Some(position) = patch.position {
        new.position = position;
    }
    new
}

fn at(tree: &CategoryTree, id: CategoryId, version: u64) -> Result<Category, StoreError> {
    let found = tree.get(id).ok_or(StoreError::NotFound("category"))?;

    if found.version == version {
        Ok(found.clone())
    } else {
        Err(StoreError::VersionMismatch { current: found.version })
    }
}

/// A parent that is there, no circle, not too deep, and a name of its own among its siblings: a
/// catalogue file finds categories by the names on the way to them.
fn hangs_well(tree: &CategoryTree, category: &Category) -> Result<(), StoreError> {
    let wrong = |pointer: &str, code, detail: String| {
        Err(StoreError::Invalid(vec![FieldError::new(pointer, code, detail)]))
    };
    if tree.len() >= CATEGORIES_MAX && tree.get(category.id).is_none() {
        return wrong("", "length", format!("the shop has {CATEGORIES_MAX} categories already"));
    }
    let siblings = tree.children(category.parent).iter().filter(|id| **id != category.id);
    if siblings.filter_map(|id| tree.get(*id)).any(|sibling| sibling.name == category.name) {
        return wrong("/name", "duplicate", "another category beside it has this name".into());
    }
    let Some(parent) = category.parent else { return Ok(()) };

    if tree.get(parent).is_none() {
        return wrong("/parent", "unknown", format!("there is no category {parent}"));
    }
    if !tree.may_hang_below(category.id, parent) {
        return wrong("/parent", "depth", "would make a circle, or a tree deeper than 8".into());
    }
    Ok(())
}

fn free_slug(tree: &CategoryTree, name: &str, id: CategoryId) -> Result<Slug, StoreError> {
    let end = id.to_string()[20..].to_ascii_lowercase();
    let stem = Slug::of_name(name).or_else(|| format!("category-{end}").parse().ok());
    let stem = stem.ok_or(StoreError::NotFound("slug"))?;
    let suffixed = (2..=9).map(|n: u32| n.to_string()).chain([end]);
    let mut wanted =
        std::iter::once(stem.clone()).chain(suffixed.filter_map(|end| stem.with_suffix(&end)));

    wanted
        .find(|slug| tree.find(&Ref::Slug(slug.clone())).is_none())
        .ok_or(StoreError::SlugTaken(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(number: u128, version: u64) -> Category {
        Category {
            id: CategoryId::from_bytes(number.to_be_bytes()),
            slug: format!("category-{number}").parse().unwrap(),
            name: format!("Category {number}"),
            parent: None,
            position: 0,
            version,
            updated_at: domain::Timestamp::default(),
        }
    }

    #[test]
    fn a_shop_has_as_many_categories_as_fit_into_one_answer() {
        let all = (0..CATEGORIES_MAX as u128).map(|number| category(number, 1));
        let full = CategoryTree::new(all);

        let one_more = hangs_well(&full, &category(1 << 100, 1));
        let edited = hangs_well(&full, &Category { position: 1, ..category(7, 2) });

        assert!(matches!(one_more, Err(StoreError::Invalid(_))), "{one_more:?}");
        edited.unwrap();
    }
}

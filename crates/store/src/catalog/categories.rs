//! Categories, read and written.

use std::sync::Arc;

use domain::category::CATEGORIES_MAX;
use domain::draft::{CategoryDraft, CategoryPatch};
use domain::tags::Write;
use domain::{Category, CategoryId, CategoryTree, Change, Entity, FieldError, Ref, Seq, Slug};
use ports::Attributes;
use serde_json::json;

use crate::audit::AuditRecord;
use crate::catalog::batch::CatalogBatch;
use crate::catalog::repository::{Catalog, Committed};
use crate::keys::{self, SlugOf};
use crate::write::{Attempt, at_version};
use crate::{StoreError, WriteContext};

impl Catalog {
    pub async fn tree(&self) -> Result<CategoryTree, StoreError> {
        let rows = self.partition(keys::CATEGORIES).await?;
        let categories: Result<Vec<Category>, _> =
            rows.into_iter().map(|row| row.attributes.parse("a category")).collect();

        Ok(CategoryTree::new(categories?))
    }

    pub async fn create_category(
        &self,
        draft: &CategoryDraft,
        by: impl Into<WriteContext<'_, Category>>,
    ) -> Result<Committed<Category>, StoreError> {
        let by = by.into();
        self.db.retry(|| self.try_create_category(draft, by)).await
    }

    pub async fn update_category(
        &self,
        id: CategoryId,
        version: u64,
        patch: &CategoryPatch,
        by: impl Into<WriteContext<'_, Category>>,
    ) -> Result<Committed<Category>, StoreError> {
        let by = by.into();
        self.db.retry(|| self.try_update_category(id, version, patch, by)).await
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
        self.db.retry(|| self.try_delete_category(id, version, empty_at, by)).await
    }

    async fn try_create_category(
        &self,
        draft: &CategoryDraft,
        by: WriteContext<'_, Category>,
    ) -> Attempt<Committed<Category>> {
        let context = self.tag_context().await?;
        let now = self.db.now();
        let id = CategoryId::new(now, self.db.random());
        let slug = match &draft.slug {
            Some(slug) => slug.clone(),
            None => free_slug(&context.tree, &draft.name, id)?,
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
        hangs_well(&context.tree, &category)?;

        let mut batch = CatalogBatch::default();
        batch.writes.put_new(keys::category(id), Attributes::of(&category)?);
        batch.claim_slug(SlugOf::Category, &category.slug, id)?;
        if let Some(parent) = category.parent {
            batch.keep_category(parent);
        }
        let after = context.with_tree(context.tree.with(category.clone()), self.db.random());
        batch.tag(&Write::Category { id, before: &context.tree, after: &after.tree });
        batch.changed(Change::to(id, 1));
        batch.moves(&context, Some(after));
        let record = AuditRecord {
            action: "category.create",
            entity: id.to_string(),
            details: json!({ "name": category.name, "slug": category.slug }),
        };
        match self.commit(batch, by, record, category).await {
            Err(conflict) if draft.slug.is_none() => Err(conflict.choosing_another_slug()),
            answer => answer,
        }
    }

    async fn try_update_category(
        &self,
        id: CategoryId,
        version: u64,
        patch: &CategoryPatch,
        by: WriteContext<'_, Category>,
    ) -> Attempt<Committed<Category>> {
        let context = self.tag_context().await?;
        let old = at(&context.tree, id, version)?;
        let mut new = patched(&old, patch);
        if new == old {
            return self.unchanged(by, old).await;
        }
        hangs_well(&context.tree, &new)?;
        new.version += 1;
        new.updated_at = self.db.now();

        let mut batch = CatalogBatch::default();
        batch.writes.replace(keys::category(id), Attributes::of(&new)?, version);
        if old.slug != new.slug {
            batch.free_slug(SlugOf::Category, &old.slug);
            batch.claim_slug(SlugOf::Category, &new.slug, id)?;
        }
        if let Some(parent) = new.parent.filter(|parent| Some(*parent) != old.parent) {
            batch.keep_category(parent);
        }
        let after = context.with_tree(context.tree.with(new.clone()), self.db.random());
        batch.tag(&Write::Category { id, before: &context.tree, after: &after.tree });
        batch.changed(Change::to(id, new.version));
        batch.moves(&context, Some(after));
        let record = AuditRecord {
            action: "category.update",
            entity: id.to_string(),
            details: json!({ "name": new.name, "slug": new.slug, "parent": new.parent }),
        };
        self.commit(batch, by, record, new).await
    }

    async fn try_delete_category(
        &self,
        id: CategoryId,
        version: u64,
        empty_at: Seq,
        by: WriteContext<'_, ()>,
    ) -> Attempt<Committed<()>> {
        let context = self.tag_context().await?;
        let old = at(&context.tree, id, version)?;
        if !context.tree.children(Some(id)).is_empty() {
            return Err(StoreError::InUse("it has categories below it".into()).into());
        }

        let mut batch = CatalogBatch::default();
        batch.writes.remove(keys::category(id), at_version(version));
        batch.free_slug(SlugOf::Category, &old.slug);
        if let Some(ranking) = context.rankings.get(&Some(id)) {
            batch.writes.remove(keys::ranking(Some(id)), at_version(ranking.version));
            batch.tag(&Write::Bestsellers { category: Some(id) });
            batch.changed(Change::gone(Entity::Bestsellers(Some(id)), ranking.version + 1));
        }
        let mut after = context.with_tree(context.tree.without(id), self.db.random());
        if after.rankings.contains_key(&Some(id)) {
            Arc::make_mut(&mut after.rankings).remove(&Some(id));
        }
        batch.tag(&Write::Category { id, before: &context.tree, after: &after.tree });
        batch.changed(Change::gone(id, version + 1));
        batch.moves(&context, Some(after));
        batch.only_after(empty_at);
        let record = AuditRecord {
            action: "category.delete",
            entity: id.to_string(),
            details: json!({ "name": old.name, "slug": old.slug }),
        };
        self.commit(batch, by, record, ()).await
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

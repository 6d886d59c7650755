//! Collections, read and written.

use domain::draft::{CollectionDraft, CollectionPatch};
use domain::tags::Write;
use domain::{
    CategoryTree, Change, Collection, CollectionId, FieldError, Membership, ProductId, Ref, Slug,
};
use ports::{Attributes, PortError};
use serde_json::json;

use crate::catalog::lost::{Lost, Try};
use crate::catalog::plan::{Plan, at_version};
use crate::catalog::{Catalog, Committed, What, claimed_by, stored};
use crate::keys::{self, SlugOf};
use crate::{StoreError, WriteContext};

impl Catalog {
    pub async fn collections(&self) -> Result<Vec<Collection>, StoreError> {
        let rows = self.partition(keys::COLLECTIONS).await?;

        Ok(rows.into_iter().map(|row| stored(row, "a collection")).collect::<Result<_, _>>()?)
    }

    pub async fn find_collection(
        &self,
        reference: &Ref<CollectionId>,
    ) -> Result<Option<Collection>, StoreError> {
        let id = match reference {
            Ref::Id(id) => Some(*id),
            Ref::Slug(slug) => claimed_by(&*self.items, SlugOf::Collection, slug).await?,
        };
        let Some(id) = id else { return Ok(None) };
        let item = self.items.get(&keys::collection(id)).await?;

        Ok(item.map(|item| item.parse("a collection")).transpose()?)
    }

    pub async fn create_collection(
        &self,
        draft: &CollectionDraft,
        by: impl Into<WriteContext<'_, Collection>>,
    ) -> Result<Committed<Collection>, StoreError> {
        let by = by.into();
        self.retry(|| self.try_create_collection(draft, by)).await
    }

    pub async fn update_collection(
        &self,
        id: CollectionId,
        version: u64,
        patch: &CollectionPatch,
        by: impl Into<WriteContext<'_, Collection>>,
    ) -> Result<Committed<Collection>, StoreError> {
        let by = by.into();
        self.retry(|| self.try_update_collection(id, version, patch, by)).await
    }

    pub async fn delete_collection(
        &self,
        id: CollectionId,
        version: u64,
        by: impl Into<WriteContext<'_, ()>>,
    ) -> Result<Committed<()>, StoreError> {
        let by = by.into();
        self.retry(|| self.try_delete_collection(id, version, by)).await
    }

    async fn try_create_collection(
        &self,
        draft: &CollectionDraft,
        by: WriteContext<'_, Collection>,
    ) -> Try<Committed<Collection>> {
        let around = self.surroundings().await?;
        let now = self.world.now();
        let id = CollectionId::new(now, self.world.random());
        let slug = match &draft.slug {
            Some(slug) => slug.clone(),
            None => free_slug(&around.collections, &draft.name)?,
        };
        self.is_well_founded(&draft.membership, &around.tree).await?;
        let collection = Collection {
            id,
            slug,
            name: draft.name.clone(),
            membership: draft.membership.clone(),
            version: 1,
            updated_at: now,
        };

        let mut plan = Plan::default();
        plan.put_new(keys::collection(id), Attributes::of(&collection)?);
        plan.claim_slug(SlugOf::Collection, &collection.slug, id)?;
        plan.tag(&Write::Collection { id, slugs: vec![collection.slug.clone()] });
        plan.changed(Change::to(id.to_string(), 1));
        plan.moves(&around, None);
        let what = What {
            action: "collection.create",
            entity: id.to_string(),
            details: json!({ "name": collection.name, "slug": collection.slug }),
        };
        match self.commit(plan, by, what, collection).await {
            // A slug of our own choosing was taken by somebody else in the meantime.
            Err(Lost::For(StoreError::SlugTaken(_))) if draft.slug.is_none() => Err(Lost::Moved),
            answer => answer,
        }
    }

    async fn try_update_collection(
        &self,
        id: CollectionId,
        version: u64,
        patch: &CollectionPatch,
        by: WriteContext<'_, Collection>,
    ) -> Try<Committed<Collection>> {
        let around = self.surroundings().await?;
        let old = at(&around.collections, id, version)?;
        let mut new = old.clone();
        if let Some(name) = &patch.name {
            new.name.clone_from(name);
        }
        if let Some(slug) = &patch.slug {
            new.slug = slug.clone();
        }
        if let Some(membership) = &patch.membership {
            self.is_well_founded(membership, &around.tree).await?;
            new.membership = membership.clone();
        }
        if new == old {
            return self.unchanged(by, old).await;
        }
        new.version += 1;
        new.updated_at = self.world.now();

        let mut plan = Plan::default();
        plan.replace(keys::collection(id), Attributes::of(&new)?, version);
        if old.slug != new.slug {
            plan.free_slug(SlugOf::Collection, &old.slug);
            plan.claim_slug(SlugOf::Collection, &new.slug, id)?;
        }
        plan.tag(&Write::Collection { id, slugs: vec![old.slug, new.slug.clone()] });
        plan.changed(Change::to(id.to_string(), new.version));
        plan.moves(&around, None);
        let what = What {
            action: "collection.update",
            entity: id.to_string(),
            details: json!({ "name": new.name, "slug": new.slug }),
        };
        self.commit(plan, by, what, new).await
    }

    async fn try_delete_collection(
        &self,
        id: CollectionId,
        version: u64,
        by: WriteContext<'_, ()>,
    ) -> Try<Committed<()>> {
        let around = self.surroundings().await?;
        let old = at(&around.collections, id, version)?;
        let mut plan = Plan::default();
        plan.remove(keys::collection(id), at_version(version));
        plan.free_slug(SlugOf::Collection, &old.slug);
        plan.tag(&Write::Collection { id, slugs: vec![old.slug.clone()] });
        plan.changed(Change::gone(id.to_string(), version + 1));
        plan.moves(&around, None);
        let what = What {
            action: "collection.delete",
            entity: id.to_string(),
            details: json!({ "name": old.name, "slug": old.slug }),
        };

        self.commit(plan, by, what, ()).await
    }

    /// Takes a product that goes out of a collection made by hand.
    pub(crate) fn leave_collection(
        &self,
        plan: &mut Plan,
        collection: &Collection,
        id: ProductId,
    ) -> Result<(), PortError> {
        let Membership::Manual { products } = &collection.membership else { return Ok(()) };
        let kept = products.iter().copied().filter(|product| *product != id).collect();
        let after = Collection {
            membership: Membership::Manual { products: kept },
            version: collection.version + 1,
            updated_at: self.world.now(),
            ..collection.clone()
        };

        plan.replace(keys::collection(after.id), Attributes::of(&after)?, collection.version);
        plan.tag(&Write::Collection { id: after.id, slugs: Vec::new() });
        plan.changed(Change::to(after.id.to_string(), after.version));
        Ok(())
    }

    /// A rule names a category that is there; a list names products that are there.
    async fn is_well_founded(
        &self,
        membership: &Membership,
        tree: &CategoryTree,
    ) -> Result<(), StoreError> {
        let mut wrong = Vec::new();
        match membership {
            Membership::Rule { rule } => {
                if let Some(category) = rule.category
                    && tree.get(category).is_none()
                {
                    let detail = format!("there is no category {category}");
                    wrong.push(FieldError::new("/membership/rule/category", "unknown", detail));
                }
            }
            Membership::Manual { products } => {
                for (at, id) in self.missing_products(products).await? {
                    let detail = format!("there is no product {id}");
                    let pointer = format!("/membership/products/{at}");
                    wrong.push(FieldError::new(pointer, "unknown", detail));
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(StoreError::Invalid(wrong)) }
    }
}

fn at(
    collections: &[Collection],
    id: CollectionId,
    version: u64,
) -> Result<Collection, StoreError> {
    let found = collections.iter().find(|collection| collection.id == id);
    let found = found.ok_or(StoreError::NotFound("collection"))?;

    if found.version == version {
        Ok(found.clone())
    } else {
        Err(StoreError::VersionMismatch { current: found.version })
    }
}

/// The first slug of a name that is free: `sale`, `sale-2` …
fn free_slug(collections: &[Collection], name: &str) -> Result<Slug, StoreError> {
    let stem = Slug::of_name(name).ok_or_else(|| {
        let detail = "the name has no letters that a slug could be made of; give one";
        StoreError::Invalid(vec![FieldError::new("/slug", "required", detail)])
    })?;
    // One more than there are collections: one of them is free.
    let suffixed =
        (2..=collections.len() + 2).filter_map(|number| stem.with_suffix(&number.to_string()));
    let mut wanted = std::iter::once(stem.clone()).chain(suffixed);
    let is_free = |slug: &Slug| !collections.iter().any(|collection| collection.slug == *slug);

    wanted.find(is_free).ok_or(StoreError::SlugTaken(stem))
}

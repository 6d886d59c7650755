//! Collections, read and written.

use domain::draft::{CollectionDraft, CollectionPatch};
use domain::tags::{self, Write};
use domain::{
    CategoryTree, Change, Collection, CollectionId, FieldError, Membership, Ref, Slug,
};
use ports::Attributes;
use serde_json::json;

use crate::catalog::plan::{Meaning, Plan, at_version};
use crate::catalog::{Catalog, Committed, What, claimed_by, stored};
use crate::keys::{self, SlugOf};
use crate::{Actor, StoreError};

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
        by: &Actor,
    ) -> Result<Committed<Collection>, StoreError> {
        let now = self.world.now();
        let id = CollectionId::new(now, self.world.random());
        let derived = || Slug::of_name(&draft.name).ok_or_else(needs_slug);
        let slug = draft.slug.clone().map_or_else(derived, Ok)?;
        self.is_well_founded(&draft.membership).await?;
        let collection = Collection {
            id,
            slug,
            name: draft.name.clone(),
            membership: draft.membership.clone(),
            version: 1,
            updated_at: now,
        };

        let mut plan = Plan::default();
        plan.put_new(
            keys::collection(id),
            Attributes::of(&collection)?,
            Meaning::Version("collection"),
        );
        plan.claim_slug(SlugOf::Collection, &collection.slug, id)?;
        announce(&mut plan, id, vec![collection.slug.clone()]);
        plan.changed(Change::to(id.to_string(), 1));
        let what = What {
            action: "collection.create",
            entity: id.to_string(),
            details: json!({ "name": collection.name, "slug": collection.slug }),
        };
        self.commit(plan, by, what, collection).await
    }

    pub async fn update_collection(
        &self,
        id: CollectionId,
        version: u64,
        patch: &CollectionPatch,
        by: &Actor,
    ) -> Result<Committed<Collection>, StoreError> {
        let old = self.collection_at(id, version).await?;
        let mut new = old.clone();
        if let Some(name) = &patch.name {
            new.name.clone_from(name);
        }
        if let Some(slug) = &patch.slug {
            new.slug = slug.clone();
        }
        if let Some(membership) = &patch.membership {
            self.is_well_founded(membership).await?;
            new.membership = membership.clone();
        }
        if new == old {
            return self.unchanged(old).await;
        }
        new.version += 1;
        new.updated_at = self.world.now();

        let mut plan = Plan::default();
        plan.replace(
            keys::collection(id),
            Attributes::of(&new)?,
            version,
            Meaning::Version("collection"),
        );
        if old.slug != new.slug {
            plan.free_slug(SlugOf::Collection, &old.slug, "collection");
            plan.claim_slug(SlugOf::Collection, &new.slug, id)?;
        }
        announce(&mut plan, id, vec![old.slug, new.slug.clone()]);
        plan.changed(Change::to(id.to_string(), new.version));
        let what = What {
            action: "collection.update",
            entity: id.to_string(),
            details: json!({ "name": new.name, "slug": new.slug }),
        };
        self.commit(plan, by, what, new).await
    }

    pub async fn delete_collection(
        &self,
        id: CollectionId,
        version: u64,
        by: &Actor,
    ) -> Result<Committed<()>, StoreError> {
        let old = self.collection_at(id, version).await?;
        let mut plan = Plan::default();
        plan.remove(keys::collection(id), at_version(version), Meaning::Version("collection"));
        plan.free_slug(SlugOf::Collection, &old.slug, "collection");
        announce(&mut plan, id, vec![old.slug.clone()]);
        plan.changed(Change::gone(id.to_string(), version + 1));
        let what = What {
            action: "collection.delete",
            entity: id.to_string(),
            details: json!({ "name": old.name, "slug": old.slug }),
        };

        self.commit(plan, by, what, ()).await
    }

    async fn collection_at(
        &self,
        id: CollectionId,
        version: u64,
    ) -> Result<Collection, StoreError> {
        let found = self.find_collection(&Ref::Id(id)).await?;
        let found = found.ok_or(StoreError::NotFound("collection"))?;

        if found.version == version {
            Ok(found)
        } else {
            Err(StoreError::VersionMismatch { current: found.version })
        }
    }

    /// A rule names a category that is there; a list names products that are there.
    async fn is_well_founded(&self, membership: &Membership) -> Result<(), StoreError> {
        let mut wrong = Vec::new();
        match membership {
            Membership::Rule { rule } => {
                if let Some(category) = rule.category
                    && self.tree().await?.get(category).is_none()
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

fn announce(plan: &mut Plan, id: CollectionId, slugs: Vec<Slug>) {
    let write = Write::Collection { id, slugs };
    plan.tag(tags::of_write(&write, &CategoryTree::default(), &[]));
}

fn needs_slug() -> StoreError {
    let detail = "the name has no letters that a slug could be made of; give one";
    StoreError::Invalid(vec![FieldError::new("/slug", "required", detail)])
}

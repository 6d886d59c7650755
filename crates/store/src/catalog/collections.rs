//! Collections, read and written.

use domain::draft::{CollectionDraft, CollectionPatch};
use domain::tags::Write;
use domain::{
    CategoryTree, Change, Collection, CollectionId, FieldError, Membership, ProductId, Ref, Slug,
};
use ports::{Attributes, PortError};
use serde_json::json;

use crate::audit::AuditRecord;
use crate::catalog::batch::CatalogBatch;
use crate::catalog::repository::{Catalog, Committed};
use crate::catalog::slugs::claimed_by;
use crate::keys::{self, SlugOf};
use crate::write::{Attempt, at_version};
use crate::{StoreError, WriteContext};

impl Catalog {
    pub async fn collections(&self) -> Result<Vec<Collection>, StoreError> {
        let rows = self.partition(keys::COLLECTIONS).await?;

        let found = rows.into_iter().map(|row| row.attributes.parse("a collection"));
        Ok(found.collect::<Result<_, _>>()?)
    }

    pub async fn find_collection(
        &self,
        reference: &Ref<CollectionId>,
    ) -> Result<Option<Collection>, StoreError> {
        let id = match reference {
            Ref::Id(id) => Some(*id),
            Ref::Slug(slug) => claimed_by(&self.db, SlugOf::Collection, slug).await?,
        };
        let Some(id) = id else { return Ok(None) };
        let item = self.db.items.get(&keys::collection(id)).await?;

        Ok(item.map(|item| item.parse("a collection")).transpose()?)
    }

    pub async fn create_collection(
        &self,
        draft: &CollectionDraft,
        by: impl Into<WriteContext<'_, Collection>>,
    ) -> Result<Committed<Collection>, StoreError> {
        let by = by.into();
        self.db.retry(|| self.try_create_collection(draft, by)).await
    }

    pub async fn update_collection(
        &self,
        id: CollectionId,
        version: u64,
        patch: &CollectionPatch,
        by: impl Into<WriteContext<'_, Collection>>,
    ) -> Result<Committed<Collection>, StoreError> {
        let by = by.into();
        self.db.retry(|| self.try_update_collection(id, version, patch, by)).await
    }

    pub async fn delete_collection(
        &self,
        id: CollectionId,
        version: u64,
        by: impl Into<WriteContext<'_, ()>>,
    ) -> Result<Committed<()>, StoreError> {
        let by = by.into();
        self.db.retry(|| self.try_delete_collection(id, version, by)).await
    }

    async fn try_create_collection(
        &self,
        draft: &CollectionDraft,
        by: WriteContext<'_, Collection>,
    ) -> Attempt<Committed<Collection>> {
        let context = self.tag_context().await?;
        let now = self.db.now();
        let id = CollectionId::new(now, self.db.random());
        let slug = match &draft.slug {
            Some(slug) => slug.clone(),
            None => free_slug(&context.collections, &draft.name)?,
        };
        self.is_well_founded(&draft.membership, &context.tree).await?;
        let collection = Collection {
            id,
            slug,
            name: draft.name.clone(),
            membership: draft.membership.clone(),
            version: 1,
            updated_at: now,
        };

        let mut batch = CatalogBatch::default();
        batch.writes.put_new(keys::collection(id), Attributes::of(&collection)?);
        batch.claim_slug(SlugOf::Collection, &collection.slug, id)?;
        batch.tag(&Write::Collection { id, slugs: vec![collection.slug.clone()] });
        batch.changed(Change::to(id, 1));
        batch.moves(&context, None);
        let record = AuditRecord {
            action: "collection.create",
            entity: id.to_string(),
            details: json!({ "name": collection.name, "slug": collection.slug }),
        };
        match self.commit(batch, by, record, collection).await {
            Err(conflict) if draft.slug.is_none() => Err(conflict.choosing_another_slug()),
            answer => answer,
        }
    }

    async fn try_update_collection(
        &self,
        id: CollectionId,
        version: u64,
        patch: &CollectionPatch,
        by: WriteContext<'_, Collection>,
    ) -> Attempt<Committed<Collection>> {
        let context = self.tag_context().await?;
        let old = at(&context.collections, id, version)?;
        let mut new = old.clone();
        if let Some(name) = &patch.name {
            new.name.clone_from(name);
        }
        if let Some(slug) = &patch.slug {
            new.slug = slug.clone();
        }
        if let Some(membership) = &patch.membership {
            self.is_well_founded(membership, &context.tree).await?;
            new.membership = membership.clone();
        }
        if new == old {
            return self.unchanged(by, old).await;
        }
        new.version += 1;
        new.updated_at = self.db.now();

        let mut batch = CatalogBatch::default();
        batch.writes.replace(keys::collection(id), Attributes::of(&new)?, version);
        if old.slug != new.slug {
            batch.free_slug(SlugOf::Collection, &old.slug);
            batch.claim_slug(SlugOf::Collection, &new.slug, id)?;
        }
        batch.tag(&Write::Collection { id, slugs: vec![old.slug, new.slug.clone()] });
        batch.changed(Change::to(id, new.version));
        batch.moves(&context, None);
        let record = AuditRecord {
            action: "collection.update",
            entity: id.to_string(),
            details: json!({ "name": new.name, "slug": new.slug }),
        };
        self.commit(batch, by, record, new).await
    }

    async fn try_delete_collection(
        &self,
        id: CollectionId,
        version: u64,
        by: WriteContext<'_, ()>,
    ) -> Attempt<Committed<()>> {
        let context = self.tag_context().await?;
        let old = at(&context.collections, id, version)?;
        let mut batch = CatalogBatch::default();
        batch.writes.remove(keys::collection(id), at_version(version));
        batch.free_slug(SlugOf::Collection, &old.slug);
        batch.tag(&Write::Collection { id, slugs: vec![old.slug.clone()] });
        batch.changed(Change::gone(id, version + 1));
        batch.moves(&context, None);
        let record = AuditRecord {
            action: "collection.delete",
            entity: id.to_string(),
            details: json!({ "name": old.name, "slug": old.slug }),
        };

        self.commit(batch, by, record, ()).await
    }

    /// Takes a product that goes out of a collection made by hand.
    pub(crate) fn leave_collection(
        &self,
        batch: &mut CatalogBatch,
        collection: &Collection,
        id: ProductId,
    ) -> Result<(), PortError> {
        let Membership::Manual { products } = &collection.membership else { return Ok(()) };
        let kept = products.iter().copied().filter(|product| *product != id).collect();
        let after = Collection {
            membership: Membership::Manual { products: kept },
            version: collection.version + 1,
            updated_at: self.db.now(),
            ..collection.clone()
        };

        batch.writes.replace(
            keys::collection(after.id),
            Attributes::of(&after)?,
            collection.version,
        );
        batch.tag(&Write::Collection { id: after.id, slugs: Vec::new() });
        batch.changed(Change::to(after.id, after.version));
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

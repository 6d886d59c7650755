//! The shop's collections, by id and by slug.

use rustc_hash::FxHashMap;

use domain::{Collection, CollectionId, Ref, Slug};

#[derive(Debug, Default)]
pub(crate) struct Collections {
    by_id: FxHashMap<CollectionId, Collection>,
    by_slug: FxHashMap<Slug, CollectionId>,
}

impl Collections {
    pub(crate) fn new(collections: Vec<Collection>) -> Self {
        let by_slug = collections.iter().map(|one| (one.slug.clone(), one.id)).collect();
        let by_id = collections.into_iter().map(|one| (one.id, one)).collect();

        Self { by_id, by_slug }
    }

    pub(crate) fn get(&self, id: CollectionId) -> Option<&Collection> {
        self.by_id.get(&id)
    }

    pub(crate) fn find(&self, reference: &Ref<CollectionId>) -> Option<&Collection> {
        match reference {
            Ref::Id(id) => self.get(*id),
            Ref::Slug(slug) => self.get(*self.by_slug.get(slug)?),
        }
    }
}

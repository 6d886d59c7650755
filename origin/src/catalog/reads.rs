//! Catalogue reads through this process's cache: one rendering for all concurrent requests.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use cache::{Answer, Filled, Follower, LoadError, ReadThrough, ReadThroughSettings};
use domain::{CatalogRead, Entity, Resource, Seq};
use ports::SharedCache;
use store::{Catalog, StoreError};

use super::index::Index;
use super::render::{self, Page, RECOMMENDED};
use super::shared::SharedAnswers;
use crate::problem::Problem;
use crate::rendered::Rendered;

/// Enough for a slug, or for a filter or two.
const KEY_BYTES: usize = 96;

#[derive(Clone)]
pub struct Reads {
    cache: ReadThrough<Arc<Rendered>, StoreError>,
    catalog: Catalog,
    index: Arc<Index>,
}

impl Reads {
    /// The cache that processes share is asked before the store, and filled from it.
    pub fn new(
        catalog: Catalog,
        index: Arc<Index>,
        follower: Follower,
        cache_bytes: u64,
        shared: Option<Arc<dyn SharedCache<Bytes>>>,
    ) -> Self {
        let settings =
            ReadThroughSettings { capacity_bytes: cache_bytes, ..ReadThroughSettings::default() };
        let shared = shared.map(|bytes| Arc::new(SharedAnswers(bytes)) as Arc<_>);

        Self { cache: ReadThrough::behind(follower, settings, shared), catalog, index }
    }

    /// The answer in memory, if it may be served as it is.
    pub fn peek(&self, read: &CatalogRead, min_seq: Option<Seq>) -> Option<Answer<Arc<Rendered>>> {
        self.cache.peek(&key(read), min_seq)
    }

    /// The answer to a read, no older than `min_seq`.
    pub async fn get(
        &self,
        read: CatalogRead,
        min_seq: Option<Seq>,
    ) -> Result<Answer<Arc<Rendered>>, Problem> {
        let key = key(&read);
        let (catalog, index) = (self.catalog.clone(), Arc::clone(&self.index));
        let read = Arc::new(read);
        let filled = self.cache.get(&key, min_seq, move |_| {
            let (catalog, index, read) = (catalog.clone(), Arc::clone(&index), Arc::clone(&read));
            async move { fill(&catalog, &index, &read).await }
        });

        filled.await.map_err(|error| match error {
            LoadError::Fill(cause) => Problem::unavailable(cause.to_string()),
            other => Problem::unavailable(other.to_string()),
        })
    }

    /// Entries in memory, and their bytes.
    pub fn size(&self) -> (u64, u64) {
        self.cache.size()
    }
}

/// The canonical text of a read.
fn key(read: &CatalogRead) -> String {
    let mut key = String::with_capacity(KEY_BYTES);
    // Writing to a string can't fail.
    let _ = write!(key, "{read}");
    key
}

/// Lists come from the index and carry its stamp. A product comes from the store and its category's
/// name from the index; it carries the index's stamp too, since the store is never older.
async fn fill(
    catalog: &Catalog,
    index: &Index,
    read: &CatalogRead,
) -> Result<Filled<Arc<Rendered>>, StoreError> {
    let snapshot = index.snapshot();
    let stamp = snapshot.stamp().clone();
    let mut seen = Vec::new();

    let page = match read {
        CatalogRead::Product(reference) => {
            let product = catalog.find_product(reference).await?;
            if let Some(found) = &product {
                let id = found.product.id;
                seen.push((Entity::Product(id).to_string(), Some(found.product.version)));
                seen.extend(found.variants.iter().map(|variant| {
                    let availability = Entity::Availability(id, variant.id);
                    (availability.to_string(), Some(variant.level_version))
                }));
            } else if let domain::Ref::Id(id) = reference {
                seen.push((Entity::Product(*id).to_string(), None));
            }
            render::product(&snapshot, reference, product.as_ref())
        }
        CatalogRead::Recommendations(reference) => {
            let id = catalog.find_id(reference).await?;
            render::recommendations(&snapshot, reference, id, RECOMMENDED)
        }
        list => render::list(&snapshot, list),
    };

    let Page { status, tags, bytes } = page;
    let resource = if status == 200 { read.resource() } else { Resource::Missing };
    let rendered = Arc::new(Rendered::new(status, resource, &tags, bytes));
    let mut filled = Filled::new(rendered, resource, &tags).stamped(stamp);
    filled.read = seen;
    Ok(filled)
}

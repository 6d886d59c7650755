//! Keeps this process's search index in step with the change log.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use cache::Sink;
use domain::{Change, ChangeRow, ProductId, Stamp};
use ports::{PortError, PortErrorKind};
use search::{CatalogSnapshot, SnapshotDelta};
use store::Catalog;
use store::catalog::FeaturedList;

use super::slugs;

/// An engine that shows a transaction's items one by one is milliseconds late.
const LATE_BY: Duration = Duration::from_millis(20);
const READS_MAX: u32 = 5;
/// What is read in a version of its own.
const VERSIONED: [&str; 5] = ["prod_", "cat_", "col_", FeaturedList::ENTITY, "bestsellers"];

pub struct Index {
    catalog: Catalog,
    snapshot: ArcSwap<CatalogSnapshot>,
}

/// What a run of rows says must be read again.
#[derive(Default)]
struct Named {
    products: BTreeSet<ProductId>,
    categories: bool,
    collections: bool,
    featured: bool,
    rankings: bool,
}

/// What was read, and the versions of the lists, which the snapshot does not hold.
struct Found {
    delta: SnapshotDelta,
    lists: HashMap<String, u64>,
}

impl Index {
    pub fn new(catalog: Catalog) -> Self {
        Self { catalog, snapshot: ArcSwap::from_pointee(CatalogSnapshot::default()) }
    }

    pub fn snapshot(&self) -> Arc<CatalogSnapshot> {
        self.snapshot.load_full()
    }

    async fn read(&self, named: &Named) -> Result<Found, PortError> {
        let catalog = &self.catalog;
        let ids: Vec<_> = named.products.iter().copied().collect();
        let products = catalog.products(&ids).await?;
        let mut delta = SnapshotDelta {
            products: ids.into_iter().zip(products).collect(),
            ..SnapshotDelta::default()
        };
        let mut lists = HashMap::new();

        if named.categories {
            let tree = catalog.tree().await?;
            delta.categories = Some(tree.iter().cloned().collect());
        }
        if named.collections {
            delta.collections = Some(catalog.collections().await?);
        }
        if named.featured {
            let featured = catalog.featured().await?;
            lists.insert(FeaturedList::ENTITY.to_owned(), featured.version);
            delta.featured = Some(featured.products);
        }
        if named.rankings {
            let rankings = catalog.rankings().await?;
            lists.extend(rankings.values().map(|ranking| (ranking.entity(), ranking.version)));
            let products = rankings.into_iter().map(|(of, ranking)| (of, ranking.products));
            delta.rankings = Some(products.collect());
        }
        Ok(Found { delta, lists })
    }

    async fn put(&self, delta: SnapshotDelta, stamp: Stamp) -> Result<CatalogSnapshot, PortError> {
        let snapshot = self.snapshot.load_full();
        let next = tokio::task::spawn_blocking(move || snapshot.after(delta, stamp)).await;

        next.map_err(|error| PortError::new(PortErrorKind::Unavailable, "index").because(error))
    }
}

#[async_trait]
impl Sink for Index {
    /// Rows are taken only when every entity that they name was read in the version that they
    /// name, or a later one, and every slug leads where they left it.
    async fn apply(&self, rows: &[ChangeRow], position: &Stamp) -> Result<(), PortError> {
        let changes: Vec<_> = rows.iter().flat_map(|row| &row.changes).collect();
        let named = Named::by(&changes);

        for read in 1..=READS_MAX {
            let Found { delta, lists } = self.read(&named).await?;
            let are_claimed = slugs::are_claimed(&self.catalog, rows, &delta.products).await?;
            let next = self.put(delta, position.clone()).await?;
            let version = |entity: &str| match lists.get(entity) {
                Some(version) => Some(*version),
                None => next.version_of(entity),
            };
            if are_claimed && changes.iter().all(|change| is_seen(version, change, &changes)) {
                self.snapshot.store(Arc::new(next));
                return Ok(());
            }
            tokio::time::sleep(LATE_BY * read).await;
        }
        Err(PortError::new(PortErrorKind::Conflict, "read what the change log names"))
    }

    async fn reset(&self, _head: &Stamp) -> Result<Stamp, PortError> {
        let contents = self.catalog.contents().await?;
        let stamp = contents.stamp;
        let catalogue = SnapshotDelta {
            categories: Some(contents.categories),
            collections: Some(contents.collections),
            featured: Some(contents.featured),
            rankings: Some(contents.rankings),
            ..SnapshotDelta::with_products(contents.products)
        };
        let position = stamp.clone();
        let built = tokio::task::spawn_blocking(move || {
            CatalogSnapshot::default().after(catalogue, position)
        })
        .await;
        let built = built
            .map_err(|error| PortError::new(PortErrorKind::Unavailable, "index").because(error))?;
        self.snapshot.store(Arc::new(built));

        // What was committed during the scan is in the log behind this head, and comes as rows.
        Ok(stamp)
    }
}

impl Named {
    fn by(changes: &[&Change]) -> Self {
        let mut named = Self::default();

        for change in changes {
            let entity = change.entity.split('/').next().unwrap_or_default();
            match entity.split_once('_').map(|(prefix, _)| prefix) {
                Some("prod") => named.products.extend(entity.parse::<ProductId>()),
                Some("cat") => named.categories = true,
                Some("col") => named.collections = true,
                _ if entity == "featured" => named.featured = true,
                _ => named.rankings |= entity.starts_with("bestsellers"),
            }
        }
        named
    }
}

/// A later change of the same entity may have been read already: a deletion hides what an earlier
/// row named.
fn is_seen(version_of: impl Fn(&str) -> Option<u64>, change: &Change, all: &[&Change]) -> bool {
    let owner = change.entity.split('/').next().unwrap_or_default();
    let is_gone = all.iter().any(|other| other.gone && other.entity == owner);
    let version = version_of(&change.entity);
    // A variant is read with its product, which is named beside it.
    let has_version = VERSIONED.iter().any(|kind| owner.starts_with(kind));
    // A stock bucket whose variant is not on its product any more was deleted with it.
    let is_dropped = change.entity.contains('/') && version.is_none();

    !has_version || is_dropped || (is_gone && version.is_none()) || change.is_seen_by(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_seen_at(version: Option<u64>, change: &Change) -> bool {
        is_seen(|_| version, change, &[change])
    }

    #[test]
    fn a_list_that_is_read_before_its_write_shows_is_read_again() {
        for entity in ["featured", "bestsellers", "bestsellers#cat_1", "cat_1", "prod_1"] {
            assert!(!is_seen_at(None, &Change::to(entity, 2)), "{entity}");
            assert!(!is_seen_at(Some(1), &Change::to(entity, 2)), "{entity}");
            assert!(is_seen_at(Some(2), &Change::to(entity, 2)), "{entity}");
            assert!(is_seen_at(None, &Change::gone(entity, 2)), "{entity}");
            assert!(!is_seen_at(Some(1), &Change::gone(entity, 2)), "{entity}");
        }
    }

    #[test]
    fn a_bucket_goes_with_its_product() {
        let (bucket, product) = (Change::to("prod_1/var_1", 3), Change::gone("prod_1", 2));

        assert!(is_seen(|_| None, &bucket, &[&bucket, &product]));
    }
}

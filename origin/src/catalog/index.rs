//! Keeps this process's search index in step with the change log.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use cache::Sink;
use domain::{Change, ChangeRow, Entity, ProductId, Stamp};
use ports::{PortError, PortErrorKind};
use search::{CatalogSnapshot, SnapshotDelta};
use store::Catalog;

use super::slugs;

/// DynamoDB shows the items of a transaction one by one, within milliseconds.
const LATE_BY: Duration = Duration::from_millis(20);
const READS_MAX: u32 = 5;

pub struct Index {
    catalog: Catalog,
    snapshot: ArcSwap<CatalogSnapshot>,
}

/// What rows of the change log name as changed.
#[derive(Default)]
struct Named {
    products: BTreeSet<ProductId>,
    categories: bool,
    collections: bool,
    featured: bool,
    rankings: bool,
}

/// What was read, with the versions of the lists, which the snapshot does not hold.
struct Found {
    delta: SnapshotDelta,
    lists: HashMap<Entity, u64>,
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
            lists.insert(Entity::Featured, featured.version);
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
    /// Applies rows only when every entity that they name was read in that version or a later one,
    /// and every slug leads to the product that they gave it to.
    async fn apply(&self, rows: &[ChangeRow], position: &Stamp) -> Result<(), PortError> {
        let changes: Vec<_> = rows.iter().flat_map(|row| &row.changes).collect();
        let named = Named::by(&changes);

        for read in 1..=READS_MAX {
            let Found { delta, lists } = self.read(&named).await?;
            let are_claimed = slugs::are_claimed(&self.catalog, rows, &delta.products).await?;
            let next = self.put(delta, position.clone()).await?;
            let version = |entity: &Entity| match lists.get(entity) {
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

        // What was committed during the scan is in the log after this head, and follows as rows.
        Ok(stamp)
    }
}

impl Named {
    fn by(changes: &[&Change]) -> Self {
        let mut named = Self::default();

        for change in changes {
            match &change.entity {
                Entity::Product(id) | Entity::Availability(id, _) => {
                    named.products.insert(*id);
                }
                Entity::Category(_) => named.categories = true,
                Entity::Collection(_) => named.collections = true,
                Entity::Featured => named.featured = true,
                Entity::Bestsellers(_) => named.rankings = true,
                Entity::Variant(_) | Entity::Unknown(_) => {}
            }
        }
        named
    }
}

/// Whether the state that was read includes a change. It may be newer: a deletion hides what an
/// earlier row named.
fn is_seen(version_of: impl Fn(&Entity) -> Option<u64>, change: &Change, all: &[&Change]) -> bool {
    let entity = &change.entity;
    let is_gone = || all.iter().any(|other| other.gone && other.entity == *entity);

    match (entity, version_of(entity)) {
        // A variant is read with its product, which is named beside it; of a kind that this build
        // does not know it shows nothing.
        (Entity::Variant(_) | Entity::Unknown(_), _) => true,
        // The availability of a variant that is not on its product any more was deleted with it.
        (Entity::Availability(..), None) => true,
        (_, None) if is_gone() => true,
        (_, version) => change.is_seen_by(version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01J9ZC4M5T2W3X4Y5Z6A7B8C9D";

    fn is_seen_at(version: Option<u64>, change: &Change) -> bool {
        is_seen(|_| version, change, &[change])
    }

    #[test]
    fn a_list_that_is_read_before_its_write_is_visible_is_read_again() {
        let (ranking, category) = (format!("bestsellers#cat_{ID}"), format!("cat_{ID}"));
        for entity in ["featured", "bestsellers", &ranking, &category, &format!("prod_{ID}")] {
            assert!(!is_seen_at(None, &Change::to(entity, 2)), "{entity}");
            assert!(!is_seen_at(Some(1), &Change::to(entity, 2)), "{entity}");
            assert!(is_seen_at(Some(2), &Change::to(entity, 2)), "{entity}");
            assert!(is_seen_at(None, &Change::gone(entity, 2)), "{entity}");
            assert!(!is_seen_at(Some(1), &Change::gone(entity, 2)), "{entity}");
        }
    }

    #[test]
    fn the_availability_of_a_variant_is_deleted_with_its_product() {
        let bucket = Change::to(format!("prod_{ID}/var_{ID}"), 3);
        let product = Change::gone(format!("prod_{ID}"), 2);

        assert!(is_seen(|_| None, &bucket, &[&bucket, &product]));
    }

    #[test]
    fn a_kind_that_a_newer_build_names_is_no_ranking_and_holds_nothing_back() {
        let newer = Change::to("page_1", 7);

        assert!(!Named::by(&[&newer]).rankings);
        assert!(is_seen_at(None, &newer));
    }
}

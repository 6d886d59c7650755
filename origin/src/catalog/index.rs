//! Keeps this process's search index in step with the change log.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use cache::Sink;
use domain::{Change, ChangeRow, ProductId, Stamp};
use ports::{PortError, PortErrorKind};
use search::{Batch, Contents, Shelf};
use store::Catalog;

use super::follow::as_port;

/// An engine that shows a transaction's items one by one is milliseconds late.
const LATE_BY: Duration = Duration::from_millis(20);
const READS_MAX: u32 = 5;

pub struct Index {
    catalog: Catalog,
    shelf: ArcSwap<Shelf>,
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

impl Index {
    pub fn new(catalog: Catalog) -> Self {
        Self { catalog, shelf: ArcSwap::from_pointee(Shelf::default()) }
    }

    pub fn shelf(&self) -> Arc<Shelf> {
        self.shelf.load_full()
    }

    async fn read(&self, named: &Named) -> Result<Batch, PortError> {
        let catalog = &self.catalog;
        let ids: Vec<_> = named.products.iter().copied().collect();
        let products = catalog.products(&ids).await.map_err(as_port)?;
        let mut batch =
            Batch { products: ids.into_iter().zip(products).collect(), ..Batch::default() };

        if named.categories {
            let tree = catalog.tree().await.map_err(as_port)?;
            batch.categories = Some(tree.iter().cloned().collect());
        }
        if named.collections {
            batch.collections = Some(catalog.collections().await.map_err(as_port)?);
        }
        if named.featured {
            batch.featured = Some(catalog.featured().await.map_err(as_port)?.products);
        }
        if named.rankings {
            batch.rankings = Some(catalog.ranked_products().await.map_err(as_port)?);
        }
        Ok(batch)
    }

    async fn put(&self, batch: Batch, stamp: Stamp) -> Result<Shelf, PortError> {
        let shelf = self.shelf.load_full();
        let next = tokio::task::spawn_blocking(move || shelf.after(batch, stamp)).await;

        next.map_err(|error| PortError::new(PortErrorKind::Unavailable, "index").because(error))
    }
}

#[async_trait]
impl Sink for Index {
    /// Rows are taken only when every entity that they name was read in the version that they
    /// name, or a later one.
    async fn apply(&self, rows: &[ChangeRow], position: &Stamp) -> Result<(), PortError> {
        let changes: Vec<_> = rows.iter().flat_map(|row| &row.changes).collect();
        let named = Named::by(&changes);

        for read in 1..=READS_MAX {
            let next = self.put(self.read(&named).await?, position.clone()).await?;
            if changes.iter().all(|change| is_seen(&next, change, &changes)) {
                self.shelf.store(Arc::new(next));
                return Ok(());
            }
            tokio::time::sleep(LATE_BY * read).await;
        }
        Err(PortError::new(PortErrorKind::Conflict, "read what the change log names"))
    }

    async fn reset(&self, _head: &Stamp) -> Result<Stamp, PortError> {
        let contents = self.catalog.contents().await.map_err(as_port)?;
        let stamp = contents.stamp;
        let batch = Batch::from(Contents {
            products: contents.products,
            categories: contents.categories,
            collections: contents.collections,
            featured: contents.featured,
            rankings: contents.rankings,
        });
        let position = stamp.clone();
        let built =
            tokio::task::spawn_blocking(move || Shelf::default().after(batch, position)).await;
        let built = built
            .map_err(|error| PortError::new(PortErrorKind::Unavailable, "index").because(error))?;
        self.shelf.store(Arc::new(built));

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
fn is_seen(shelf: &Shelf, change: &Change, all: &[&Change]) -> bool {
    let product = change.entity.split('/').next().unwrap_or_default();
    let is_gone = all.iter().any(|other| other.gone && other.entity == product);
    let version = shelf.version_of(&change.entity);
    // Lists and rankings carry no version on the shelf; they are single items, read after the row.
    let has_version = ["prod_", "cat_", "col_"].iter().any(|prefix| product.starts_with(prefix));

    // A stock bucket whose variant is not on its product any more was deleted with it.
    let is_dropped = change.entity.contains('/') && version.is_none();

    !has_version || is_dropped || (is_gone && version.is_none()) || change.is_seen_by(version)
}

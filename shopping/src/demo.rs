//! The demo catalogue, for an empty store.

use store::{Actor, Catalog, StoreError};

/// The store's note that the demo catalogue was begun, or is complete.
const MARK: &str = "demo";

/// Fills a store that has no product. Seeding that was killed is begun again.
pub async fn fill_if_empty(catalog: &Catalog, by: &Actor) -> Result<(), StoreError> {
    match catalog.metadata(MARK).await?.as_deref() {
        Some("done") => return Ok(()),
        Some(_) => {}
        None if catalog.is_empty().await? => catalog.set_metadata(MARK, "begun").await?,
        None => return Ok(()),
    }
    let products = catalog_files::demo::seed(catalog, by).await?;
    tracing::info!(products, "demo catalogue imported");

    catalog.set_metadata(MARK, "done").await
}

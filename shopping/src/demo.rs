//! The demo catalogue, for an empty store.

use store::{Actor, Catalog, StoreError};

/// Says that the demo catalogue was begun, or is in. A seeding that was killed is begun again.
const MARK: &str = "demo";

/// Fills a store that nobody has put anything in.
pub async fn fill_if_empty(catalog: &Catalog, by: &Actor) -> Result<(), StoreError> {
    match catalog.metadata(MARK).await?.as_deref() {
        Some("done") => return Ok(()),
        Some(_) => {}
        None if catalog.is_empty().await? => catalog.set_metadata(MARK, "begun").await?,
        None => return Ok(()),
    }
    let products = catalog_files::demo::seed(catalog, by).await?;
    tracing::info!(products, "the demo catalogue is in");

    catalog.set_metadata(MARK, "done").await
}

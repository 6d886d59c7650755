//! When a category is known to be empty, which its deletion has to say.

use domain::{CategoryId, Seq};
use store::{Catalog, StoreError};

use crate::shop::SHOWN_AFTER;

/// The place in the log at which no product was in it; `InUse` if one is. As the origin does: from
/// the head on every item of a write shows a moment later.
pub async fn known_empty(catalog: &Catalog, category: CategoryId) -> Result<Seq, StoreError> {
    let head = catalog.log().head().await?.head;
    tokio::time::sleep(SHOWN_AFTER).await;
    let mut walk = catalog.walk();

    while let Some(products) = walk.next().await? {
        if products.iter().any(|found| found.product.category == category) {
            return Err(StoreError::InUse("there are products in it".into()));
        }
    }
    Ok(head)
}

//! What is known of a store as a whole: its currency, whether the demo catalogue is in.

use ports::{Action, Attributes};

use crate::catalog::repository::Catalog;
use crate::write::WriteBatch;
use crate::{StoreError, keys};

impl Catalog {
    pub async fn metadata(&self, name: &str) -> Result<Option<String>, StoreError> {
        let item = self.db.items.get(&keys::store_metadata(name)).await?;

        Ok(item.and_then(|item| item.text("state").map(ToOwned::to_owned)))
    }

    pub async fn set_metadata(&self, name: &str, state: &str) -> Result<(), StoreError> {
        let attributes = Attributes::default().with("state", state);
        let mut put = WriteBatch::new();
        put.push(Action::Put { key: keys::store_metadata(name), attributes, condition: None });

        Ok(self.db.commit(put).await?)
    }

    /// Whether the store has no product yet.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let mut walk = self.walk();
        while let Some(page) = walk.next().await? {
            if !page.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

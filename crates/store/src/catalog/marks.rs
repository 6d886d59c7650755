//! Notes of what was done once to a store, such as putting the demo catalogue in.

use ports::{Attributes, Key, Table, Transaction};

use crate::catalog::Catalog;
use crate::{StoreError, delivery};

impl Catalog {
    pub async fn mark(&self, name: &str) -> Result<Option<String>, StoreError> {
        let item = self.items.get(&place(name)).await?;

        Ok(item.and_then(|item| item.text("state").map(ToOwned::to_owned)))
    }

    pub async fn set_mark(&self, name: &str, state: &str) -> Result<(), StoreError> {
        let note = Attributes::default().with("state", state);
        let put = Transaction::new().put(place(name), note);

        delivery::settle(&*self.items, &*self.world, put).await?;
        Ok(())
    }

    /// Whether nobody has put a product in yet.
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

fn place(name: &str) -> Key {
    Key::new(Table::Catalog, "marks", name)
}

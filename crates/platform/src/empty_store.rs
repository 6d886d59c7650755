//! The store of a shop that does not exist yet: empty, and read-only. For commands that read.

use async_trait::async_trait;
use ports::{
    Attributes, Items, Key, Page, PortError, PortErrorKind, Query, Scan, TransactError, Transaction,
};

/// Holds no item and takes no write.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyStore;

#[async_trait]
impl Items for EmptyStore {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        key.validate()?;
        Ok(None)
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        Key::validate_batch(keys)?;
        Ok(vec![None; keys.len()])
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        query.validate()?;
        Ok(Page::default())
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        scan.validate()?;
        Ok(Page::default())
    }

    fn shows_transactions_whole(&self) -> bool {
        true
    }

    async fn transact(&self, _: &Transaction) -> Result<(), TransactError> {
        let attempted = "write to the store of a shop that does not exist";

        Err(TransactError::Port(PortError::new(PortErrorKind::Invalid, attempted)))
    }
}

//! Items that remember whether writes work: a shop whose disk is full answers reads, and what
//! directs traffic to it has to know that it takes no orders.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use ports::{
    Attributes, Items, Key, Page, PortError, PortErrorKind, Query, Scan, TransactError, Transaction,
};

use crate::keys;

/// The Items of another adapter, with a memory of how the last write ended.
pub struct WatchedItems {
    items: Arc<dyn Items>,
    is_failing: AtomicBool,
}

impl WatchedItems {
    pub fn new(items: Arc<dyn Items>) -> Self {
        Self { items, is_failing: AtomicBool::new(false) }
    }

    /// Whether the store takes writes. Asks it only while the last write has failed, by writing one
    /// small item that is never read: so that this ends when the trouble does, without a customer
    /// who tries.
    pub async fn takes_writes(&self) -> bool {
        if !self.is_failing.load(Ordering::Relaxed) {
            return true;
        }
        let place = keys::store_metadata("write-check");
        let put = Transaction::new().put(place, Attributes::default().with("state", "written"));

        // Success has cleared the memory.
        let _ = self.transact(&put).await;
        !self.is_failing.load(Ordering::Relaxed)
    }
}

/// Whether an error says that the store can't write, and not that it is busy or was asked for what
/// it must refuse.
fn is_failure(error: &PortError) -> bool {
    match error.kind {
        PortErrorKind::Unavailable | PortErrorKind::Corrupt => true,
        PortErrorKind::Conflict | PortErrorKind::Throttled | PortErrorKind::Invalid => false,
    }
}

#[async_trait]
impl Items for WatchedItems {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        self.items.get(key).await
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        self.items.batch_get(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        self.items.query(query).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        self.items.scan(scan).await
    }

    fn runs_in_order(&self) -> bool {
        self.items.runs_in_order()
    }

    fn shows_transactions_whole(&self) -> bool {
        self.items.shows_transactions_whole()
    }

    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError> {
        let ended = self.items.transact(transaction).await;

        match &ended {
            Err(TransactError::Port(error)) if is_failure(error) => {
                self.is_failing.store(true, Ordering::Relaxed);
            }
            Ok(()) => self.is_failing.store(false, Ordering::Relaxed),
            // Busy, or refused before anything was written: no evidence about the disk.
            Err(_) => {}
        }
        ended
    }
}

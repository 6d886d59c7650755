//! Locks of SKUs: writers of one process that adjust the same SKU queue here, since of writers that
//! go at once all but one would have to begin anew.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use domain::Sku;
use tokio::sync::{Mutex, MutexGuard};

/// SKUs that share a lock wait for each other now and then, which does no harm.
const LOCKS: usize = 64;

#[derive(Clone, Debug)]
pub(crate) struct SkuLocks(Arc<[Mutex<()>; LOCKS]>);

impl Default for SkuLocks {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| Mutex::default())))
    }
}

impl SkuLocks {
    pub async fn lock(&self, sku: &Sku) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        sku.hash(&mut hasher);

        self.0[hasher.finish() as usize % LOCKS].lock().await
    }
}

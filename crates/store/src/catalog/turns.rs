//! Turns: writers of one process that want the same SKU go one after the other, since of writers
//! that go at once all but one would have to begin anew.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use domain::Sku;
use tokio::sync::{Mutex, MutexGuard};

/// SKUs that share a line wait for each other now and then, which does no harm.
const LINES: usize = 64;

#[derive(Clone, Debug)]
pub(crate) struct Turns(Arc<[Mutex<()>; LINES]>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| Mutex::default())))
    }
}

impl Turns {
    pub async fn take(&self, sku: &Sku) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        sku.hash(&mut hasher);

        self.0[hasher.finish() as usize % LINES].lock().await
    }
}

//! Rendered answers in the cache that processes share.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ports::{PortError, SharedCache, SharedEntry};

use crate::rendered::Rendered;

/// A cache of bytes as a cache of answers. Bytes that another build wrote in another format are
/// treated as absent.
pub struct SharedAnswers(pub Arc<dyn SharedCache<Bytes>>);

#[async_trait]
impl SharedCache<Arc<Rendered>> for SharedAnswers {
    async fn get(&self, key: &str) -> Result<Option<SharedEntry<Arc<Rendered>>>, PortError> {
        let found = self.0.get(key).await?;

        Ok(found.and_then(|entry| {
            let rendered = Rendered::of_bytes(entry.resource, &entry.value)?;
            Some(with_value(&entry, Arc::new(rendered)))
        }))
    }

    async fn put_if_newer(
        &self,
        key: &str,
        entry: &SharedEntry<Arc<Rendered>>,
    ) -> Result<bool, PortError> {
        self.0.put_if_newer(key, &with_value(entry, entry.value.to_bytes())).await
    }

    async fn health(&self) -> Result<(), PortError> {
        self.0.health().await
    }
}

fn with_value<V, W>(entry: &SharedEntry<V>, value: W) -> SharedEntry<W> {
    SharedEntry {
        value,
        resource: entry.resource,
        tags: entry.tags.clone(),
        stamp: entry.stamp.clone(),
        seen: entry.seen.clone(),
        remaining: entry.remaining,
    }
}

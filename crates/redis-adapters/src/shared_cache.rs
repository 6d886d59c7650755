//! The SharedCache port on Redis.

mod entry;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::{LogId, Seq, Stamp};
use ports::{PortError, PortErrorKind, SharedCache, SharedEntry};
use redis::Script;

use crate::connection::RedisConnection;

/// A hash for each key: the log's id, the seq in digits that compare as text, and the rest as bytes.
///
/// Give the server a `maxmemory` and the policy `allkeys-lru`, and it evicts what is not read. Shops
/// that share a server need a database each (`redis://host/1`).
pub struct RedisSharedCache {
    connection: RedisConnection,
    put: Script,
}

/// What `HMGET` and `PTTL` answer for a key.
type Found = ((Option<String>, Option<u64>, Option<Vec<u8>>), i64);

impl RedisSharedCache {
    pub fn new(connection: RedisConnection) -> Self {
        Self { connection, put: Script::new(include_str!("scripts/put_if_newer.lua")) }
    }
}

#[async_trait]
impl SharedCache<Bytes> for RedisSharedCache {
    async fn get(&self, key: &str) -> Result<Option<SharedEntry<Bytes>>, PortError> {
        let key = name(key);
        // One transaction: the value and the lifetime must be of the same entry.
        let mut both = redis::pipe();
        both.atomic().cmd("HMGET").arg(&key).arg(&["log", "seq", "entry"]).cmd("PTTL").arg(&key);

        let answer = self.connection.call("read a cache entry", async |mut redis| {
            both.query_async::<Found>(&mut redis).await
        });
        let ((Some(log), Some(seq), Some(bytes)), millis) = answer.await? else { return Ok(None) };
        let Ok(millis) = u64::try_from(millis) else { return Ok(None) };
        let log = LogId::new(log).map_err(|error| {
            PortError::new(PortErrorKind::Corrupt, "Redis: read a cache entry").because(error)
        })?;
        // Another build may have written another format; such an entry counts as absent.
        Ok(entry::decode(&bytes.into()).map(|decoded| SharedEntry {
            value: decoded.value,
            resource: decoded.resource,
            tags: decoded.tags,
            stamp: Stamp { log, seq: Seq(seq) },
            seen: decoded.seen,
            remaining: Duration::from_millis(millis),
        }))
    }

    async fn put_if_newer(&self, key: &str, entry: &SharedEntry<Bytes>) -> Result<bool, PortError> {
        let millis = u64::try_from(entry.remaining.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return Ok(false);
        }
        let mut put = self.put.prepare_invoke();
        put.key(name(key))
            .arg(entry.stamp.log.as_str())
            .arg(format!("{:020}", entry.stamp.seq.0))
            .arg(entry::encode(entry))
            .arg(millis);

        let answer = self.connection.call("write a cache entry", async |mut redis| {
            put.invoke_async::<bool>(&mut redis).await
        });
        answer.await
    }

    async fn health(&self) -> Result<(), PortError> {
        self.connection.ping().await
    }
}

fn name(key: &str) -> String {
    format!("shop:answer:{key}")
}

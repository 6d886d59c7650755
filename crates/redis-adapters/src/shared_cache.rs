//! The SharedCache port on Redis.

mod entry;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::{LogId, Seq, Stamp};
use ports::{PortError, PortErrorKind, SharedCache, SharedEntry};
use redis::Script;

use crate::link::RedisLink;

/// A hash for each key: the log's id, the seq in digits that compare as text, and the rest as bytes.
///
/// Judges nothing; give the server a `maxmemory` and the policy `allkeys-lru`, and it forgets by
/// itself what nobody reads. Shops that share a server have a database each (`redis://host/1`).
pub struct RedisSharedCache {
    link: RedisLink,
    put: Script,
}

/// What `HMGET` and `PTTL` answer for a key.
type Found = ((Option<String>, Option<u64>, Option<Vec<u8>>), i64);

impl RedisSharedCache {
    pub fn new(link: RedisLink) -> Self {
        Self { link, put: Script::new(include_str!("scripts/put_if_newer.lua")) }
    }
}

#[async_trait]
impl SharedCache<Bytes> for RedisSharedCache {
    async fn get(&self, key: &str) -> Result<Option<SharedEntry<Bytes>>, PortError> {
        let key = name(key);
        // In one transaction, or the value of one entry could come with the time of another.
        let mut both = redis::pipe();
        both.atomic().cmd("HMGET").arg(&key).arg(&["log", "seq", "entry"]).cmd("PTTL").arg(&key);

        let answer = self
            .link
            .call("read an answer", async |mut redis| both.query_async::<Found>(&mut redis).await);
        let ((Some(log), Some(seq), Some(bytes)), millis) = answer.await? else { return Ok(None) };
        let Ok(millis) = u64::try_from(millis) else { return Ok(None) };
        let log = LogId::new(log).map_err(|error| {
            PortError::new(PortErrorKind::Corrupt, "Redis: read an answer").because(error)
        })?;
        // Of another build it may be something else; then it is as good as absent.
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

        let answer = self
            .link
            .call("keep an answer", async |mut redis| put.invoke_async::<bool>(&mut redis).await);
        answer.await
    }

    async fn health(&self) -> Result<(), PortError> {
        self.link.ping().await
    }
}

fn name(key: &str) -> String {
    format!("shop:answer:{key}")
}

//! `[cache]`: where the origin keeps rendered responses.

use super::reader::{Backend, Reader};
use super::values::{RedisUrl, capacity};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheSettings {
    /// In each process's own memory.
    Memory { capacity_bytes: u64 },
    /// In memory, and behind it in a Redis that processes share.
    Redis { capacity_bytes: u64, url: RedisUrl },
}

#[derive(Clone, Copy)]
enum Kind {
    Memory,
    Redis,
}

impl CacheSettings {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        const URL: &str = "cache.url";
        let backends =
            [Backend::new("memory", &[], Kind::Memory), Backend::new("redis", &[URL], Kind::Redis)];
        let backend = reader.backend("cache.backend", &backends);
        let capacity_bytes = capacity(reader, "cache.capacity_mb");

        match backend? {
            Kind::Memory => Some(Self::Memory { capacity_bytes: capacity_bytes? }),
            Kind::Redis => {
                let url = reader.required_redis(URL);
                Some(Self::Redis { capacity_bytes: capacity_bytes?, url: url? })
            }
        }
    }

    /// Of this process's own memory.
    pub const fn capacity_bytes(&self) -> u64 {
        match self {
            Self::Memory { capacity_bytes } | Self::Redis { capacity_bytes, .. } => *capacity_bytes,
        }
    }
}

//! The change log as the origin tells it: `GET /internal/changes`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cache::{ChangeLog, Changes, Poll, Sink};
use domain::{ChangeRow, Stamp};
use edge_core::{Encoding, follow, unique};
use http::StatusCode;
use ports::{PortError, PortErrorKind, World};

use crate::cache::store::ResponseStore;
use crate::upstream::origin::{Origin, OriginRequest};

/// 1,000 rows of an import with a hundred tags and versions each, and some room.
const PAGE_BYTES_MAX: usize = 32 << 20;
const PAGE_WITHIN: Duration = Duration::from_secs(2);

/// The operators' switch `cache.mode`, as the log told it last.
#[derive(Default)]
pub(crate) struct CacheMode {
    is_off: AtomicBool,
}

pub(crate) struct OriginLog {
    pub origin: Arc<Origin>,
    pub mode: Arc<CacheMode>,
    pub world: Arc<dyn World>,
}

/// Clears the store when another log begins.
pub(crate) struct StoreSink {
    store: Arc<ResponseStore>,
    has_started: AtomicBool,
}

impl StoreSink {
    pub const fn new(store: Arc<ResponseStore>) -> Self {
        Self { store, has_started: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Sink for StoreSink {
    async fn apply(&self, _rows: &[ChangeRow], _position: &Stamp) -> Result<(), PortError> {
        Ok(())
    }

    /// Another log, or one that was restored under its name: nothing stored before may be used,
    /// and a log of before may come back. What was filled before the first start is judged by it.
    async fn reset(&self, head: &Stamp) -> Result<Stamp, PortError> {
        if self.has_started.swap(true, Ordering::AcqRel) {
            self.store.clear();
        }
        Ok(head.clone())
    }
}

impl CacheMode {
    pub fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl ChangeLog for OriginLog {
    async fn changes(&self, poll: &Poll) -> Result<Changes, PortError> {
        const ATTEMPTED: &str = "read the change log from the origin";
        // A cache on the way that kept one answer would hide every later change.
        let target = unique(&follow::target(poll), self.world.random());
        let ask = OriginRequest {
            target: &target,
            encoding: Encoding::Identity,
            min_seq: None,
            validator: None,
            client: None,
            refills: false,
        };

        let whole =
            self.origin.read(ask, PAGE_BYTES_MAX, PAGE_WITHIN).await.map_err(|failure| {
                PortError::new(
                    PortErrorKind::Unavailable,
                    format!("{ATTEMPTED}: {}", failure.name()),
                )
            })?;
        if whole.status != StatusCode::OK {
            let attempted = format!("{ATTEMPTED}: it answered {}", whole.status.as_u16());
            return Err(PortError::new(PortErrorKind::Unavailable, attempted));
        }
        let changes: Changes = serde_json::from_slice(&whole.body)
            .map_err(|error| PortError::new(PortErrorKind::Corrupt, ATTEMPTED).because(error))?;

        if let Some(flags) = &changes.flags {
            self.mode.is_off.store(follow::is_cache_off(flags), Ordering::Relaxed);
        }
        Ok(changes)
    }
}

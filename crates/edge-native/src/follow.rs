//! The change log as the origin tells it: `GET /internal/changes`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cache::{ChangeLog, Changes};
use domain::Stamp;
use edge_core::{Encoding, follow, unique};
use http::StatusCode;
use ports::{PortError, PortErrorKind, World};

use crate::origin::{Ask, Origin};

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

impl CacheMode {
    pub fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl ChangeLog for OriginLog {
    async fn changes(&self, after: Option<&Stamp>) -> Result<Changes, PortError> {
        const ATTEMPTED: &str = "read the change log from the origin";
        // A cache on the way that kept one answer would hide every later change.
        let target = unique(&follow::target(after), self.world.random());
        let ask =
            Ask { target: &target, encoding: Encoding::Identity, min_seq: None, validator: None };

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

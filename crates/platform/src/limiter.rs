//! The limiter that the settings name. An edge without a store uses it too.

use std::sync::Arc;

use aws::{DynamoItems, DynamoSettings};
use embedded::MemoryLimiter;
use limits::{DenyCache, RateLimits};
use ports::{Limiter, PortError, PortErrorKind, World};
use redis_adapters::{RedisConnection, RedisLimiter};
use store::schema::TABLES;

use crate::connect::ConnectError;
use crate::settings::{LimitTable, LimiterSettings, RedisUrl, Settings, StoreSettings};

/// Memory for the counts of one class: some hundred thousand shoppers who read occasionally.
const LIMITER_BYTES: usize = 32 << 20;

/// The limiter of the settings, and a local one that counts while it is unavailable.
#[derive(Clone)]
pub struct LimiterBackend {
    limiter: Arc<dyn Limiter>,
    local: Arc<dyn Limiter>,
}

impl LimiterBackend {
    pub async fn open(settings: &Settings, world: &Arc<dyn World>) -> Result<Self, ConnectError> {
        let memory = || Arc::new(MemoryLimiter::new(Arc::clone(world), LIMITER_BYTES));
        let remote: Arc<dyn Limiter> = match &settings.limiter {
            LimiterSettings::Memory => {
                return Ok(Self { limiter: memory(), local: memory() });
            }
            LimiterSettings::Redis { url } => {
                let link = open_redis("limits.url", url).await?;
                Arc::new(RedisLimiter::new(link))
            }
            LimiterSettings::DynamoDb => {
                let items = store(&settings.store).await;
                let items = items.map_err(|source| ConnectError::Store { source })?;
                Arc::new(items.limiter(Arc::clone(world)))
            }
        };
        let limiter = Arc::new(DenyCache::new(remote, Arc::clone(world)));

        Ok(Self { limiter, local: memory() })
    }

    /// The limits of the settings. After the metrics' recorder was installed.
    pub fn rate_limits(&self, settings: &Settings) -> RateLimits {
        let LimitTable { public_share, .. } = settings.limits;

        RateLimits::with_share(
            |class| settings.limits.of(class),
            public_share,
            &self.limiter,
            &self.local,
        )
    }
}

async fn store(settings: &StoreSettings) -> Result<DynamoItems, PortError> {
    match settings {
        StoreSettings::DynamoDb { region, endpoint, table_prefix, .. } => {
            let settings = DynamoSettings {
                region: region.clone(),
                endpoint: endpoint.clone(),
                table_prefix: table_prefix.clone(),
            };
            DynamoItems::connect(settings, TABLES).await
        }
        StoreSettings::Sqlite { .. } => {
            let why = "limits.backend = dynamodb needs store.backend = dynamodb";
            Err(PortError::new(PortErrorKind::Invalid, why))
        }
    }
}

/// Starts without a server that is unavailable: it makes reads faster and counts shared, and the shop
/// works without it at any later time as well.
pub(crate) async fn open_redis(
    key: &'static str,
    url: &RedisUrl,
) -> Result<RedisConnection, ConnectError> {
    let link = RedisConnection::open(url.as_str())
        .map_err(|source| ConnectError::Redis { key, source })?;
    if link.ping().await.is_err() {
        tracing::warn!(key, "Redis is unavailable; starting without it");
    }

    Ok(link)
}

//! Where requests are counted; an edge without a store counts there too.

use std::sync::Arc;

use aws::{DynamoItems, DynamoSettings};
use embedded::MemoryLimiter;
use limits::{DeniedUntil, Gates};
use ports::{Limiter, PortError, PortErrorKind, World};
use redis_adapters::{RedisConnection, RedisLimiter};
use store::schema::TABLES;

use crate::connect::ConnectError;
use crate::limits::LimitTable;
use crate::settings::{LimiterSettings, Settings, StoreSettings};
use crate::values::RedisUrl;

/// Of counts in memory, for each class: some hundred thousand shoppers who read now and then.
const LIMITER_BYTES: usize = 32 << 20;

/// The limiter of the settings, and the one that counts while it can't.
#[derive(Clone)]
pub struct Counting {
    limiter: Arc<dyn Limiter>,
    local: Arc<dyn Limiter>,
}

impl Counting {
    pub async fn open(settings: &Settings, world: &Arc<dyn World>) -> Result<Self, ConnectError> {
        let memory = || Arc::new(MemoryLimiter::new(Arc::clone(world), LIMITER_BYTES));
        let asked: Arc<dyn Limiter> = match &settings.limiter {
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
        let limiter = Arc::new(DeniedUntil::before(asked, Arc::clone(world)));

        Ok(Self { limiter, local: memory() })
    }

    /// The limits of the settings. After the metrics' recorder was installed.
    pub fn gates(&self, settings: &Settings) -> Gates {
        let LimitTable { public_share, .. } = settings.limits;

        Gates::with_share(
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

/// A server that is not there yet is no reason not to start: it makes reads quicker and counts
/// shared, and what happens without it is the same later.
pub(crate) async fn open_redis(
    key: &'static str,
    url: &RedisUrl,
) -> Result<RedisConnection, ConnectError> {
    let link =
        RedisConnection::open(url.as_str()).map_err(|source| ConnectError::Redis { key, source })?;
    if link.ping().await.is_err() {
        tracing::warn!(key, "starting without Redis");
    }

    Ok(link)
}

//! What the handlers work with.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache::Follower;
use domain::limits::LimitClass;
use domain::{Currency, Seq, Stamp};
use edge_core::auth::{KeyRing, SigningKey};
use limits::Gates;
use ports::{Bell, Items, SharedCache, World};
use search::CatalogSnapshot;
use store::{AdminKeys, Audit, Catalog, Idempotency, Log};
use supervision::Supervisor;

use crate::catalog::{Index, Reads};
use crate::context::RequestIds;
use crate::key_attempts::KeyAttempts;
use crate::measures::Measures;
use crate::refused_keys::RefusedKeys;
use crate::token::TokenKey;

/// How long a write waits for this process's own index to show it before it answers. Longer than
/// a poll, far shorter than a person's patience.
const SHOWN_WITHIN: Duration = Duration::from_millis(500);

/// Renders the metrics page.
pub type MetricsPage = Arc<dyn Fn() -> String + Send + Sync>;

/// What a shop is made of.
pub struct ShopSettings {
    pub currency: Currency,
    /// Of rendered answers in memory.
    pub cache_bytes: u64,
    /// Behind the memory, what processes share.
    pub shared: Option<Arc<dyn SharedCache<Bytes>>>,
    /// Tells other processes of writes.
    pub bell: Option<Arc<dyn Bell>>,
    pub gates: Gates,
    /// The keys that edges sign with.
    pub edge_keys: KeyRing,
    /// Signs the read-your-writes tokens.
    pub token_key: SigningKey,
    pub metrics: MetricsPage,
    /// Runs the origin's long-lived tasks.
    pub supervisor: Supervisor,
    /// Proxies in front of this origin, whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// How long a request keeps its idempotency key without a sign of life.
    pub idempotency_lease: Duration,
}

pub struct Shop {
    pub items: Arc<dyn Items>,
    pub catalog: Catalog,
    pub reads: Reads,
    pub follower: Follower,
    pub index: Arc<Index>,
    pub keys: AdminKeys,
    pub refused_keys: RefusedKeys,
    pub idempotency: Idempotency,
    pub audit: Audit,
    pub world: Arc<dyn World>,
    pub currency: Currency,
    pub edge_keys: KeyRing,
    pub tokens: TokenKey,
    pub gates: Gates,
    pub metrics: MetricsPage,
    pub measures: Measures,
    pub requests: RequestIds,
    pub supervisor: Supervisor,
    pub key_attempts: KeyAttempts,
    pub trusted_proxies: Vec<IpAddr>,
    bell: Option<Arc<dyn Bell>>,
}

pub type SharedShop = Arc<Shop>;

impl Shop {
    pub fn new(items: Arc<dyn Items>, world: Arc<dyn World>, settings: ShopSettings) -> Self {
        let log = Arc::new(Log::new(Arc::clone(&items), Arc::clone(&world)));
        let catalog = Catalog::new(Arc::clone(&items), Arc::clone(&world), Arc::clone(&log));
        let index = Arc::new(Index::new(catalog.clone()));
        let follower = Follower::new(log, Arc::clone(&index) as Arc<dyn cache::Sink>);
        let reads = Reads::new(
            catalog.clone(),
            Arc::clone(&index),
            follower.clone(),
            settings.cache_bytes,
            settings.shared,
        );

        Self {
            catalog,
            reads,
            follower,
            index,
            refused_keys: RefusedKeys::default(),
            keys: AdminKeys::new(Arc::clone(&items), Arc::clone(&world)),
            idempotency: Idempotency::new(
                Arc::clone(&items),
                Arc::clone(&world),
                settings.idempotency_lease,
            ),
            audit: Audit::new(Arc::clone(&items), Arc::clone(&world)),
            items,
            measures: Measures::new(),
            requests: RequestIds::new(&*world),
            key_attempts: KeyAttempts::new(
                settings.gates.of(LimitClass::AuthFailure).cloned(),
                Arc::clone(&world),
            ),
            trusted_proxies: settings.trusted_proxies,
            world,
            currency: settings.currency,
            edge_keys: settings.edge_keys,
            tokens: TokenKey::new(settings.token_key),
            gates: settings.gates,
            bell: settings.bell,
            metrics: settings.metrics,
            supervisor: settings.supervisor,
        }
    }

    /// The catalogue as this process knows it.
    pub fn snapshot(&self) -> Arc<CatalogSnapshot> {
        self.index.snapshot()
    }

    /// Tells others of a write, and waits, within a bound, until this process's lists show it.
    pub async fn show(&self, seq: Seq) {
        self.ring(seq);
        self.follower.reach(seq, SHOWN_WITHIN).await;
    }

    /// Nobody waits for it: who does not hear it finds out with his next poll.
    fn ring(&self, seq: Seq) {
        let (Some(bell), Some(stamp)) = (self.bell.clone(), self.follower.stamp()) else { return };
        let head = Stamp { log: stamp.log, seq };

        tokio::spawn(async move {
            if let Err(error) = bell.ring(&head).await {
                tracing::debug!(%error, "nobody was told of a change");
            }
        });
    }
}

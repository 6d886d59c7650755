//! The parts that the shop is made of. A handler takes the part that it needs: `State<Catalog>`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use bytes::Bytes;
use cache::Follower;
use domain::Currency;
use edge_core::auth::{KeyRing, SigningKey};
use limits::RateLimits;
use ports::{ChangeNotifier, Items, SharedCache, World};
use store::{AdminKeys, Audit, Catalog, Db, Idempotency, Log};
use supervision::Supervisor;

use crate::access::{AccessControl, Authenticator, CallerVerifier, Limits};
use crate::catalog::{CatalogReads, Index, Reads};
use crate::file_imports::FileImports;
use crate::idempotency::IdempotentRequests;
use crate::publication::Publication;
use crate::token::TokenKey;

/// Renders the metrics page.
pub type MetricsPage = Arc<dyn Fn() -> String + Send + Sync>;

/// What a shop is made of.
pub struct ShopSettings {
    pub currency: Currency,
    /// For rendered responses in memory.
    pub cache_bytes: u64,
    /// The cache that processes share, behind the memory of each.
    pub shared: Option<Arc<dyn SharedCache<Bytes>>>,
    /// Notifies other processes of writes.
    pub notifier: Option<Arc<dyn ChangeNotifier>>,
    pub rate_limits: RateLimits,
    /// The keys that edges sign with.
    pub edge_keys: KeyRing,
    /// Signs the read-your-writes tokens.
    pub token_key: SigningKey,
    pub metrics: MetricsPage,
    /// Runs the origin's long-lived tasks.
    pub supervisor: Supervisor,
    /// Proxies in front of this origin, whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// How long a request keeps its idempotency key without renewing it.
    pub idempotency_lease: Duration,
}

/// A handle; clones are one shop.
#[derive(Clone)]
pub struct Shop(Arc<Parts>);

struct Parts {
    access: Arc<AccessControl>,
    audit: Arc<Audit>,
    catalog: Catalog,
    currency: Currency,
    follower: Follower,
    idempotent: IdempotentRequests,
    imports: FileImports,
    index: Arc<Index>,
    metrics: MetricsPage,
    publication: Publication,
    reads: CatalogReads,
    supervisor: Supervisor,
    world: Arc<dyn World>,
}

impl Shop {
    pub fn new(items: Arc<dyn Items>, world: Arc<dyn World>, settings: ShopSettings) -> Self {
        let db = Db::new(Arc::clone(&items), Arc::clone(&world));
        let log = Arc::new(Log::new(db.clone()));
        let catalog = Catalog::new(db.clone(), Arc::clone(&log));
        let index = Arc::new(Index::new(catalog.clone()));
        let follower = Follower::new(log, Arc::clone(&index) as Arc<dyn cache::Sink>);
        let tokens = Arc::new(TokenKey::new(settings.token_key));
        let limits = Limits::new(settings.rate_limits);
        let keys = AdminKeys::new(db.clone());
        let records = Idempotency::new(db.clone(), settings.idempotency_lease);
        let publication = Publication {
            follower: follower.clone(),
            notifier: settings.notifier,
            tokens: Arc::clone(&tokens),
            world: Arc::clone(&world),
        };

        Self(Arc::new(Parts {
            access: Arc::new(AccessControl {
                callers: CallerVerifier {
                    edge_keys: settings.edge_keys,
                    trusted_proxies: settings.trusted_proxies,
                    world: Arc::clone(&world),
                },
                authenticator: Authenticator::new(keys, &limits, Arc::clone(&world)),
                limits,
            }),
            audit: Arc::new(Audit::new(db)),
            currency: settings.currency,
            idempotent: IdempotentRequests {
                records: Arc::new(records),
                publication: publication.clone(),
            },
            imports: FileImports {
                catalog: catalog.clone(),
                items,
                world: Arc::clone(&world),
                follower: follower.clone(),
                currency: settings.currency,
            },
            metrics: settings.metrics,
            publication,
            reads: CatalogReads {
                reads: Reads::new(
                    catalog.clone(),
                    Arc::clone(&index),
                    follower.clone(),
                    settings.cache_bytes,
                    settings.shared,
                ),
                follower: follower.clone(),
                tokens,
                world: Arc::clone(&world),
            },
            supervisor: settings.supervisor,
            catalog,
            follower,
            index,
            world,
        }))
    }

    pub fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// Keeps this process's lists and caches in step with the change log.
    pub fn follower(&self) -> &Follower {
        &self.0.follower
    }

    pub fn admin_keys(&self) -> &AdminKeys {
        self.0.access.authenticator.keys()
    }
}

/// Lets handlers and services take a part of the shop.
macro_rules! parts {
    ($($field:ident: $part:ty,)*) => {$(
        impl FromRef<Shop> for $part {
            fn from_ref(shop: &Shop) -> Self {
                shop.0.$field.clone()
            }
        }
    )*};
}

parts! {
    access: Arc<AccessControl>,
    audit: Arc<Audit>,
    catalog: Catalog,
    currency: Currency,
    follower: Follower,
    idempotent: IdempotentRequests,
    imports: FileImports,
    index: Arc<Index>,
    metrics: MetricsPage,
    publication: Publication,
    reads: CatalogReads,
    supervisor: Supervisor,
    world: Arc<dyn World>,
}

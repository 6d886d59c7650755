//! A real origin over a store that is slow and counts how often it is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use async_trait::async_trait;
use domain::Currency;
use domain::access::Role;
use domain::limits::{Limit, LimitClass};
use edge_core::auth::KeyRing;
use embedded::{SqliteItems, SystemWorld};
use http_server::ServerSettings;
use limits::RateLimits;
use origin::{Running, Shop, ShopSettings};
use ports::{
    Ask, Attributes, Decision, Items, JointDecision, Key, Limiter, Page, PortError, Query, Scan,
    TransactError, Transaction, Window,
};
use store::Actor;
use supervision::Supervisor;
use tempfile::TempDir;
use tests::Endpoint;
use tests::catalogue::create_product;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::stage::{CATALOG_TOKEN, EDGE_AUTH, key};

/// How long a read of a product takes: long enough for all requests of the same moment to arrive
/// before it ends, and far below the two seconds after which waiting requests read for themselves.
const SLOW: Duration = Duration::from_millis(500);
const READY: Duration = Duration::from_secs(30);

pub struct CountedOrigin {
    pub endpoint: Endpoint,
    shop: Shop,
    /// Reads of a product's partition.
    store_reads: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    _running: Running,
    // Ends the origin when it is dropped.
    _stop: oneshot::Sender<()>,
    _folder: TempDir,
}

/// How often an origin and its store have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginLoad {
    /// Catalogue reads that reached the origin.
    pub requests: usize,
    pub store_reads: usize,
}

impl CountedOrigin {
    pub async fn open() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let items = SqliteItems::open(&folder.path().join("shop.db"), store::schema::TABLES)?;
        let (store_reads, requests) = (Arc::<AtomicUsize>::default(), Arc::default());
        let items = Slow { items, reads: Arc::clone(&store_reads) };
        let limiter: Arc<dyn Limiter> = Arc::new(Turnstile(Arc::clone(&requests)));
        let settings = ShopSettings {
            currency: Currency::USD,
            cache_bytes: 16 << 20,
            shared: None,
            notifier: None,
            rate_limits: RateLimits::new(public_only, &limiter, &limiter),
            edge_keys: KeyRing::new(key(EDGE_AUTH)),
            token_key: key(CATALOG_TOKEN),
            metrics: Arc::new(String::new),
            supervisor: Supervisor::default(),
            trusted_proxies: Vec::new(),
            idempotency_lease: store::idempotency::LEASE,
        };
        let shop = Shop::new(Arc::new(items), Arc::new(SystemWorld), settings);
        let (stop, stopped) = oneshot::channel();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let server = ServerSettings::new("origin");
        let running = origin::serve(shop.clone(), listener, server, async {
            let _ = stopped.await;
        })
        .await?;

        Ok(Self {
            endpoint: Endpoint::new(&format!("http://{}", running.addr))?,
            shop,
            store_reads,
            requests,
            _running: running,
            _stop: stop,
            _folder: folder,
        })
    }

    /// The path of a new product that has not been requested and that no background task will read.
    pub async fn cold_page(&self) -> Result<String> {
        let key = self
            .shop
            .admin_keys()
            .create("test", Role::Catalog, &Actor::command("test"))
            .await?
            .reveal();
        let product = create_product(&self.endpoint, &key, "Lamp", "lamp-1").await?;
        let head = self.shop.catalog().log().head().await?.head;

        ensure!(self.shop.follower().reach(head, READY).await, "the index has not read the log");
        Ok(format!("/products/{}", product["slug"].as_str().unwrap_or_default()))
    }

    pub fn load(&self) -> OriginLoad {
        OriginLoad {
            requests: self.requests.load(Ordering::SeqCst),
            store_reads: self.store_reads.load(Ordering::SeqCst),
        }
    }
}

impl OriginLoad {
    pub const fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests - before.requests,
            store_reads: self.store_reads - before.store_reads,
        }
    }
}

fn public_only(class: LimitClass) -> Option<Limit> {
    (class == LimitClass::Public).then(|| class.default_limit())
}

/// Counts the requests that the limit of all catalogue reads is asked about, and admits each.
struct Turnstile(Arc<AtomicUsize>);

#[async_trait]
impl Limiter for Turnstile {
    fn window(&self) -> Window {
        Window::Sliding
    }

    async fn take_all(&self, asks: &[Ask]) -> Result<JointDecision, PortError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let let_in = |ask: &Ask| Decision::allowed(ask.limit.requests, Duration::ZERO);

        Ok(JointDecision::Allowed(asks.iter().map(let_in).collect()))
    }
}

struct Slow {
    items: SqliteItems,
    reads: Arc<AtomicUsize>,
}

#[async_trait]
impl Items for Slow {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        self.items.get(key).await
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        self.items.batch_get(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        if query.partition.starts_with("product#") {
            self.reads.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(SLOW).await;
        }
        self.items.query(query).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        self.items.scan(scan).await
    }

    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError> {
        self.items.transact(transaction).await
    }
}

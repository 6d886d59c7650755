//! A shop in memory, and how tests talk to it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::limits::RateLimits;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use domain::Currency;
use domain::access::Role;
use edge_core::auth::{KeyRing, Payload, Signed, SigningKey};
use embedded::{SqliteItems, SystemWorld};
use origin::{Shop, ShopSettings, router};
use ports::{
    Attributes, Items, Key, Page, PortError, PortErrorKind, Query, Scan, TransactError,
    Transaction, World as _,
};
use serde_json::{Value, json};
use store::{Actor, AdminKeys};
use supervision::Supervisor;
use tower::ServiceExt as _;

pub struct World {
    pub shop: Shop,
    pub reads: Arc<AtomicUsize>,
    /// Of items that no read shows: as if the rest of their transaction showed first.
    pub veil: Arc<Mutex<Option<String>>>,
    pub writes: Arc<Writes>,
    pub owner: String,
    router: Router,
    _folder: tempfile::TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

const SECRET: &[u8] = b"a secret of thirty-two bytes or more";

fn signing_key() -> SigningKey {
    SigningKey::new("test", SECRET).unwrap()
}

impl World {
    pub async fn new() -> Self {
        Self::limited(RateLimits::default()).await
    }

    pub async fn limited(rate_limits: RateLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop.db");
        let reads = Arc::new(AtomicUsize::new(0));
        let veil = Arc::default();
        let writes = Arc::<Writes>::default();
        let items = Arc::new(Counted {
            items: SqliteItems::open(&file, store::schema::TABLES).unwrap(),
            partitions: Arc::clone(&reads),
            veil: Arc::clone(&veil),
            writes: Arc::clone(&writes),
        });
        let settings = ShopSettings {
            currency: Currency::USD,
            cache_bytes: 16 << 20,
            shared: None,
            notifier: None,
            rate_limits,
            edge_keys: KeyRing::new(signing_key()),
            token_key: SigningKey::new("token", SECRET).unwrap(),
            metrics: Arc::new(String::new),
            supervisor: Supervisor::default(),
            trusted_proxies: Vec::new(),
            idempotency_lease: store::idempotency::LEASE,
        };
        let shop = Shop::new(items, Arc::new(SystemWorld), settings);
        let follower = shop.follower().clone();
        tokio::spawn(async move { follower.run(std::future::pending()).await });
        shop.catalog().log().head().await.unwrap();
        assert!(shop.follower().reach(domain::Seq::ZERO, Duration::from_secs(5)).await);
        let router = router(shop.clone());
        let mut world =
            Self { shop, reads, veil, writes, owner: String::new(), router, _folder: folder };
        world.owner = world.key(Role::Owner).await;
        world
    }

    pub fn keys(&self) -> &AdminKeys {
        self.shop.admin_keys()
    }

    pub async fn key(&self, role: Role) -> String {
        self.keys().create("test", role, &Actor::command("test")).await.unwrap().reveal()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();

        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// As an edge asks: signed.
    pub async fn get_as_edge(&self, path: &str) -> Answer {
        self.get_as_edge_with(path, &[]).await
    }

    pub async fn get_as_edge_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.get_for("192.0.2.1", path, headers).await
    }

    /// As an edge asks for the shopper at this address.
    pub async fn get_for(&self, client: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let auth = edge_auth(client, path);
        let own = [
            ("x-edge-auth", auth.as_str()),
            ("x-client-addr", client),
            ("x-public-host", "shop.example"),
        ];

        self.get_with(path, &[&own, headers].concat()).await
    }

    /// As an edge asks whose entry a change has invalidated.
    pub async fn refill_for(&self, client: &str, path: &str) -> Answer {
        let auth = edge_auth(client, path);
        let seal = signing_key().seal_refill(&auth);
        let own = [
            ("x-edge-auth", auth.as_str()),
            ("x-client-addr", client),
            ("x-public-host", "shop.example"),
            ("x-edge-refill", seal.as_str()),
        ];

        self.get_with(path, &own).await
    }

    /// As the owner.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.owner))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &[], body).await
    }

    pub async fn category(&self, name: &str) -> Value {
        self.post("/admin/categories", json!({ "name": name })).await.expect(201).json()
    }

    pub async fn product(&self, name: &str, category: &Value, sku: &str, price: i64) -> Value {
        let draft = json!({
            "name": name,
            "category": category["id"],
            "variants": [{ "sku": sku, "price": { "amount": price, "currency": "USD" }, "stock": 9 }],
        });
        self.post("/admin/products", draft).await.expect(201).json()
    }
}

fn edge_auth(client_addr: &str, target: &str) -> String {
    let signed = Signed {
        method: "GET",
        target,
        payload: Payload::EMPTY,
        client_addr,
        client_user: "",
        public_host: "shop.example",
    };

    signing_key().sign(&signed, SystemWorld.now(), SystemWorld.random())
}

/// Counts how often a product's partition is read, and hides what a test wants hidden.
struct Counted {
    items: SqliteItems,
    partitions: Arc<AtomicUsize>,
    veil: Arc<Mutex<Option<String>>>,
    writes: Arc<Writes>,
}

/// What admins' writes wrote, by the partitions of each transaction, and faults of them.
#[derive(Default)]
pub struct Writes {
    seen: Mutex<Vec<Vec<String>>>,
    answers_to_lose: AtomicUsize,
}

impl Writes {
    /// Those since this was asked last.
    pub fn take(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// The next writes happen, and their answers are lost.
    pub fn lose_answers(&self, count: usize) {
        self.answers_to_lose.store(count, Ordering::SeqCst);
    }

    /// Every write of an admin's is audited; what is not is none.
    fn watch(&self, transaction: &Transaction) -> bool {
        let partitions: Vec<_> =
            transaction.actions.iter().map(|action| action.key().pk.clone()).collect();
        let is_write = partitions.iter().any(|partition| partition.starts_with("audit#"));
        if is_write {
            self.seen.lock().unwrap().push(partitions);
        }
        is_write
    }

    fn loses_answer(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.answers_to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
    }
}

#[async_trait::async_trait]
impl Items for Counted {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        if self.veil.lock().unwrap().as_ref().is_some_and(|hidden| key.pk.contains(hidden)) {
            return Ok(None);
        }
        self.items.get(key).await
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        self.items.batch_get(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        if query.partition.starts_with("product#") {
            self.partitions.fetch_add(1, Ordering::Relaxed);
        }
        self.items.query(query).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        self.items.scan(scan).await
    }

    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError> {
        let is_write = self.writes.watch(transaction);
        self.items.transact(transaction).await?;
        if is_write && self.writes.loses_answer() {
            return Err(PortError::new(PortErrorKind::Unavailable, "a fault of the test").into());
        }
        Ok(())
    }
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }

    /// A problem with a status and a code of ours, in the shape of RFC 9457.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "private, no-store");
        let body = self.json();
        assert_eq!(body["status"], status);
        assert_eq!(body["code"], code, "{body}");
        for member in ["type", "title", "detail", "request_id"] {
            assert!(body[member].is_string(), "{member} in {body}");
        }
        body
    }
}

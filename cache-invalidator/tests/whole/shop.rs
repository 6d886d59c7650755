//! A store that is written to, an invalidator that follows it, and an HTTP server that records its
//! requests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse as _;
use cache_invalidator::{Invalidator, Parts, Running};
use domain::draft::{CategoryDraft, ProductDraft, VariantDraft};
use domain::{Category, Currency, Money, Ref, Status};
use edge_core::auth::SigningKey;
use embedded::{SqliteItems, SystemWorld};
use platform::{InvalidatorSettings, Shutdown};
use ports::ChangeNotifier;
use store::schema::TABLES;
use store::{Actor, Catalog, Db};
use supervision::Supervisor;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Shop {
    _folder: TempDir,
    pub catalog: Catalog,
    pub running: Running,
    category: Category,
}

#[derive(Clone, Debug)]
pub struct RecordedRequest {
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Records every request and gives each the same response.
#[derive(Clone)]
pub struct RecordingServer {
    pub addr: SocketAddr,
    asked: Arc<Mutex<Vec<RecordedRequest>>>,
}

pub fn key() -> SigningKey {
    SigningKey::new("k1", &[7; 32]).unwrap()
}

pub fn settings() -> InvalidatorSettings {
    InvalidatorSettings {
        enabled: true,
        listen: ([127, 0, 0, 1], 0).into(),
        edges: Vec::new(),
        origins: Vec::new(),
        poll_every: Duration::from_millis(20),
        observe_one_in: None,
        cloudflare: None,
    }
}

impl Shop {
    pub async fn open(settings: &InvalidatorSettings) -> Self {
        Self::open_with(settings, None).await
    }

    pub async fn open_with(
        settings: &InvalidatorSettings,
        notifier: Option<Arc<dyn ChangeNotifier>>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let items = SqliteItems::open(&folder.path().join("shop.db"), TABLES).unwrap();
        let world = Arc::new(SystemWorld);
        let catalog = Catalog::over(Db::new(Arc::new(items), world.clone()));
        let draft =
            CategoryDraft { name: "Tools".to_owned(), slug: None, parent: None, position: 0 };
        let by = Actor::command("test");
        let category = catalog.create_category(&draft, &by).await.unwrap().value;
        let parts = Parts {
            catalog: catalog.clone(),
            world,
            key: key(),
            local_followers: Vec::new(),
            observed: Vec::new(),
            notifier,
            supervisor: Supervisor::default(),
        };
        let running = Invalidator::new(settings, parts).unwrap().start(&Shutdown::default());

        let shop = Self { _folder: folder, catalog, running, category };
        until(|| shop.running.follower.stamp().is_some()).await;
        shop
    }

    /// Makes a product, and gives the log's head after it.
    pub async fn sells(&self, name: &str) -> u64 {
        let usd: Currency = "USD".parse().unwrap();
        let variant = VariantDraft {
            sku: name.parse().unwrap(),
            options: BTreeMap::new(),
            price: Money { amount: 2_000, currency: usd },
            compare_at: None,
            stock: 10,
        };
        let draft = ProductDraft {
            name: name.to_owned(),
            slug: None,
            description: String::new(),
            brand: None,
            category: Ref::Id(self.category.id),
            status: Status::Published,
            images: Vec::new(),
            attributes: BTreeMap::new(),
            variants: vec![variant],
        };

        self.catalog.create_product(&draft, &Actor::command("test")).await.unwrap().seq.0
    }
}

impl RecordingServer {
    pub async fn answering(status: StatusCode, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let note = async move |method: Method, uri: Uri, headers: HeaderMap, body_in: Bytes| {
            let target = uri.path_and_query().unwrap().to_string();
            noted.lock().unwrap().push(RecordedRequest { method, target, headers, body: body_in });
            (status, body).into_response()
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(note)).await });

        Self { addr, asked }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn asked(&self) -> Vec<RecordedRequest> {
        self.asked.lock().unwrap().clone()
    }
}

pub async fn until(condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, met).await.expect("the condition is met in time");
}

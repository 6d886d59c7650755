//! One edge in front of one origin, and a client.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use domain::{Seq, Timestamp};
use edge_core::auth::SigningKey;
use edge_native::{EdgeSettings, Listen, Running, serve};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::stage::{Listening, Origin};

/// No condition takes longer on a machine that works.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct World {
    millis: AtomicU64,
    dice: AtomicU64,
}

impl Default for World {
    fn default() -> Self {
        Self { millis: AtomicU64::new(1_795_442_552_000), dice: AtomicU64::default() }
    }
}

impl World {
    pub fn passes(&self, duration: Duration) {
        self.millis.fetch_add(duration.as_millis() as u64, Ordering::SeqCst);
    }

    /// The clock is set back.
    pub fn jumps_back(&self, duration: Duration) {
        self.millis.fetch_sub(duration.as_millis() as u64, Ordering::SeqCst);
    }
}

impl ports::World for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst))
    }

    fn random(&self) -> u128 {
        // Zero first: an answer's whole time, without jitter.
        u128::from(self.dice.fetch_add(1 << 32, Ordering::SeqCst)) << 64
    }
}

fn key() -> SigningKey {
    SigningKey::new("k1", &[7; 32]).expect("a key")
}

pub struct Shop {
    pub origin: Arc<Origin>,
    pub world: Arc<World>,
    pub edge: Running,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    pub listening: Option<Listening>,
    client: Client<HttpConnector, Full<Bytes>>,
}

#[derive(Clone, Debug)]
pub struct ClientResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl ClientResponse {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn is_hit(&self) -> bool {
        self.header("cache-status").starts_with("shopping-edge; hit")
    }
}

impl Shop {
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// The edge knows the log before this returns.
    pub async fn open_with(adjust: impl FnOnce(&mut EdgeSettings)) -> Self {
        let world = Arc::new(World::default());
        let origin = Origin::new(key(), Arc::clone(&world));
        let listening = Listening::at(([127, 0, 0, 1], 0).into(), Arc::clone(&origin)).await;
        let addr = listening.addr;
        let shop = Self::edge(origin, world, Some(listening), addr, adjust).await;
        shop.knows_the_log().await;
        shop
    }

    /// An edge whose origin `adjust` names. It knows no log.
    pub async fn open_without_log(adjust: impl FnOnce(&mut EdgeSettings)) -> Self {
        let world = Arc::new(World::default());
        let origin = Origin::new(key(), Arc::clone(&world));

        Self::edge(origin, world, None, ([127, 0, 0, 1], 1).into(), adjust).await
    }

    /// Another edge before the same origin, which knows nothing yet.
    pub async fn open_blind_before(other: &Self) -> Self {
        let addr = other.listening.as_ref().expect("the origin is up").addr;
        let (origin, world) = (Arc::clone(&other.origin), Arc::clone(&other.world));

        Self::edge(origin, world, None, addr, |_| {}).await
    }

    pub async fn open_before(other: &Self) -> Self {
        let shop = Self::open_blind_before(other).await;
        shop.knows_the_log().await;
        shop
    }

    async fn edge(
        origin: Arc<Origin>,
        world: Arc<World>,
        listening: Option<Listening>,
        addr: SocketAddr,
        adjust: impl FnOnce(&mut EdgeSettings),
    ) -> Self {
        let uri = format!("http://{addr}").parse().expect("a URI");
        let listen = Listen::At(([127, 0, 0, 1], 0).into());
        let mut settings = EdgeSettings::new(listen, uri, key(), Arc::clone(&world) as Arc<_>);
        settings.public_host = Some("shop.example".to_owned());
        adjust(&mut settings);

        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let edge = serve(settings, shutdown).await.expect("an edge");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let stop = Mutex::new(Some(stop));

        Self { origin, world, edge, stop, listening, client }
    }

    async fn knows_the_log(&self) {
        self.until(|| self.edge.follower().age() < Duration::from_secs(1)).await;
    }

    /// Commits a row and waits until the edge has read it.
    pub async fn commits(&self, tags: &[&str], hard: bool) -> Seq {
        let seq = self.origin.commits(tags, hard);
        self.edge.kick();
        self.until(|| self.edge.follower().stamp().is_some_and(|stamp| stamp.seq == seq)).await;
        seq
    }

    pub async fn until(&self, condition: impl Fn() -> bool) {
        let met = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(PATIENCE, met).await.expect("the condition is met in time");
    }

    /// Tells the edge to end.
    pub fn closes(&self) {
        drop(self.stop.lock().expect("not poisoned").take());
    }

    pub async fn origin_goes_down(&mut self) -> SocketAddr {
        let listening = self.listening.take().expect("the origin is up");
        let addr = listening.addr;
        listening.goes_down().await;
        addr
    }

    pub async fn get(&self, target: &str) -> ClientResponse {
        self.send("GET", target, &[], "").await
    }

    pub async fn get_with(&self, target: &str, headers: &[(&str, &str)]) -> ClientResponse {
        self.send("GET", target, headers, "").await
    }

    pub async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> ClientResponse {
        let uri = format!("http://{}{target}", self.edge.addr);
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        let request = request.body(body).expect("a request");
        let response = timeout(PATIENCE, self.client.request(request)).await.expect("in time");
        let (head, body) = response.expect("a response").into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();

        ClientResponse { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Exactly these bytes on a connection of their own, and all that comes back.
    pub async fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.edge.addr).await.expect("a connection");
        stream.write_all(request).await.expect("written");
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        read.expect("in time").expect("read");

        String::from_utf8_lossy(&answer).into_owned()
    }
}

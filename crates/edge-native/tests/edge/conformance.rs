//! The proxy that caches any origin by the book: what it does with real connections. What it
//! decides is tested beside `edge_core::http`.

mod answers;
mod stored;
mod together;
mod wishes;
mod writes;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use edge_core::auth::SigningKey;
use edge_native::conformance::{Running, Settings, serve};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::shop::{ClientResponse, World};
use crate::stage::{Listening, Origin, Reaction};

const PATIENCE: Duration = Duration::from_secs(10);

pub struct Proxied {
    origin: Arc<Origin>,
    world: Arc<World>,
    pub proxy: Running,
    listening: Option<Listening>,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Proxied {
    async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    async fn open_with(adjust: impl FnOnce(&mut Settings)) -> Self {
        let world = Arc::new(World::default());
        let key = SigningKey::new("k1", &[7; 32]).expect("a key");
        let origin = Origin::new(key, Arc::clone(&world));
        let listening = Listening::at(([127, 0, 0, 1], 0).into(), Arc::clone(&origin)).await;
        let mut opened = Self::before(listening.addr, origin, world, adjust).await;
        opened.listening = Some(listening);
        opened
    }

    pub async fn before(
        addr: SocketAddr,
        origin: Arc<Origin>,
        world: Arc<World>,
        adjust: impl FnOnce(&mut Settings),
    ) -> Self {
        let uri = format!("http://{addr}").parse().expect("a URI");
        let listen = ([127, 0, 0, 1], 0).into();
        let mut settings = Settings::new(listen, uri, Arc::clone(&world) as Arc<_>);
        adjust(&mut settings);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let proxy = serve(settings, shutdown).await.expect("a proxy");
        let client = Client::builder(TokioExecutor::new()).build_http();

        let stop = Mutex::new(Some(stop));
        Self { origin, world, proxy, listening: None, stop, client }
    }

    /// `/a` is answered with these headers, and with how many answers there were.
    fn plays(&self, headers: &'static [(&'static str, &'static str)]) -> Arc<AtomicUsize> {
        let answers = Arc::new(AtomicUsize::default());
        let counted = Arc::clone(&answers);
        self.origin.plays("/a", move |_| {
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            Reaction::new(200, headers, &number.to_string())
        });
        answers
    }

    fn pass(&self, seconds: u64) {
        self.world.passes(Duration::from_secs(seconds));
    }

    async fn get(&self) -> ClientResponse {
        self.send("GET", "/a", &[]).await
    }

    async fn get_with(&self, headers: &[(&str, &str)]) -> ClientResponse {
        self.send("GET", "/a", headers).await
    }

    async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> ClientResponse {
        let uri = format!("http://{}{target}", self.proxy.addr);
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::default()).expect("a request");
        let response = timeout(PATIENCE, self.client.request(request)).await.expect("in time");
        let (head, body) = response.expect("a response").into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();

        ClientResponse { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Asks again until it is answered with this.
    async fn get_until(&self, text: &str) -> ClientResponse {
        let answered = async {
            loop {
                let reply = self.get().await;
                if reply.text() == text {
                    return reply;
                }
            }
        };
        timeout(PATIENCE, answered).await.expect("it is answered so in time")
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        let met = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(PATIENCE, met).await.expect("the condition is met in time");
    }
}

fn said(reply: &ClientResponse) -> &str {
    reply.header("cache-status").strip_prefix("shopping-edge; ").expect("our own status")
}

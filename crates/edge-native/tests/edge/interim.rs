//! Interim responses of the origin on their way to the client: through the shop's edge, and through
//! the proxy that caches any origin.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use edge_core::auth::SigningKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::conformance::Proxied;
use crate::shop::{Shop, World};
use crate::stage::Origin;

const PATIENCE: Duration = Duration::from_secs(10);
const HINT: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";

/// An origin that answers each request with interim responses at once, and with the final one,
/// which repeats the target, when it has a permit.
struct Hinting {
    addr: SocketAddr,
    permits: Arc<Semaphore>,
    task: JoinHandle<()>,
}

impl Hinting {
    async fn with(interim: &str) -> Self {
        Self::that_waits(interim, Semaphore::MAX_PERMITS).await
    }

    async fn that_waits(interim: &str, permits: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let permits = Arc::new(Semaphore::new(permits));
        let (shared, interim) = (Arc::clone(&permits), Arc::<str>::from(interim));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_all(stream, Arc::clone(&interim), Arc::clone(&shared)));
            }
        });

        Self { addr, permits, task }
    }

    /// The shop's edge and the caching proxy, both before this origin.
    async fn behind_both(&self) -> (Shop, Proxied) {
        let shop = Shop::open_without_log(|settings| {
            settings.origin = format!("http://{}", self.addr).parse().expect("a URI");
        });
        let world = Arc::new(World::default());
        let key = SigningKey::new("k1", &[7; 32]).expect("a key");
        let unused = Origin::new(key, Arc::clone(&world));

        (shop.await, Proxied::before(self.addr, unused, world, |_| {}).await)
    }
}

impl Drop for Hinting {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer_all(mut stream: TcpStream, interim: Arc<str>, permits: Arc<Semaphore>) {
    while let Some(head) = read_head(&mut stream).await {
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if target.starts_with("/internal/") {
            return;
        }
        if stream.write_all(interim.as_bytes()).await.is_err() {
            return;
        }
        permits.acquire().await.expect("never closed").forget();
        let length = target.len();
        let last = format!(
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: {length}\r\n\r\n"
        );
        let body = if head.starts_with("HEAD ") { "" } else { target.as_str() };
        if stream.write_all(format!("{last}{body}").as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// Sends `request` on `client` and reads until `end` has arrived.
async fn exchange(client: &mut TcpStream, request: &str, end: &str) -> String {
    client.write_all(request.as_bytes()).await.expect("written");

    read_until(client, end).await
}

async fn read_until(client: &mut TcpStream, end: &str) -> String {
    let mut received = Vec::new();
    let reading = async {
        while !received.ends_with(end.as_bytes()) {
            received.push(client.read_u8().await.expect("more bytes"));
        }
    };
    timeout(PATIENCE, reading).await.expect("it arrives in time");

    String::from_utf8(received).expect("text")
}

async fn connect(addr: SocketAddr) -> TcpStream {
    TcpStream::connect(addr).await.expect("a connection")
}

/// The status of each response in `received`, in order.
fn statuses(received: &str) -> Vec<&str> {
    received.split("HTTP/1.1 ").skip(1).map(|response| &response[..3]).collect()
}

#[tokio::test]
async fn an_early_hint_arrives_while_the_answer_is_still_awaited() {
    for method in ["GET", "POST", "HEAD"] {
        let origin = Hinting::that_waits(HINT, 0).await;
        let (shop, proxied) = origin.behind_both().await;

        for addr in [shop.edge.addr, proxied.proxy.addr] {
            let mut client = connect(addr).await;
            let request = format!("{method} /account HTTP/1.1\r\nHost: x\r\n\r\n");

            let hint = exchange(&mut client, &request, "\r\n\r\n").await;
            origin.permits.add_permits(1);
            let end = if method == "HEAD" { "\r\n\r\n" } else { "\r\n\r\n/account" };
            let answer = read_until(&mut client, end).await;

            assert_eq!(hint.to_lowercase(), HINT.to_lowercase(), "{method}");
            assert_eq!(statuses(&answer), ["200"], "{method}: {answer}");
        }
    }
}

#[tokio::test]
async fn several_interim_responses_arrive_in_their_order() {
    let interim = [HINT, "HTTP/1.1 102 Processing\r\n\r\n", HINT].concat();
    let origin = Hinting::with(&interim).await;
    let (shop, proxied) = origin.behind_both().await;

    for addr in [shop.edge.addr, proxied.proxy.addr] {
        let request = "GET /account HTTP/1.1\r\nHost: x\r\n\r\n";
        let received = exchange(&mut connect(addr).await, request, "/account").await;

        assert_eq!(statuses(&received), ["103", "102", "103", "200"], "{received}");
    }
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_the_answer_alone() {
    let origin = Hinting::with(HINT).await;
    let (shop, proxied) = origin.behind_both().await;

    for addr in [shop.edge.addr, proxied.proxy.addr] {
        let request = "GET /account HTTP/1.0\r\nHost: x\r\n\r\n";
        let received = exchange(&mut connect(addr).await, request, "\r\n\r\n/account").await;

        assert!(received.starts_with("HTTP/1.0 200 OK\r\n"), "{received}");
        assert!(!received.contains("103"), "{received}");
    }
}

#[tokio::test]
async fn pipelined_requests_get_their_hints_before_their_own_answers() {
    let origin = Hinting::with(HINT).await;
    let (shop, proxied) = origin.behind_both().await;
    // With the second one hyper reads the requests of an edge's connection by itself.
    for line in ["", "Connection: keep-alive, x-hop\r\n"] {
        for addr in [shop.edge.addr, proxied.proxy.addr] {
            let request = |n| {
                format!("POST /cart?{n} HTTP/1.1\r\nHost: x\r\n{line}Content-Length: 1\r\n\r\na")
            };
            let requests: String = (1..=3).map(request).collect();

            let received = exchange(&mut connect(addr).await, &requests, "/cart?3").await;

            assert_eq!(statuses(&received), ["103", "200", "103", "200", "103", "200"]);
            let parts: Vec<_> = received.split("HTTP/1.1 103").skip(1).collect();
            assert!((1..=3).zip(parts).all(|(n, part)| part.ends_with(&format!("/cart?{n}"))));
        }
    }
}

#[tokio::test]
async fn what_is_of_one_hop_goes_no_further_in_an_interim_response_either() {
    let fields = "Connection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: 2\r\nX-Stamp: L.1\r\nX-End: 3\r\n";
    let interim = format!("HTTP/1.1 103 Early Hints\r\n{fields}\r\n");
    let origin = Hinting::with(&interim).await;
    let (shop, proxied) = origin.behind_both().await;
    let request = "GET /account HTTP/1.1\r\nHost: x\r\n\r\n";

    let of_the_edge = exchange(&mut connect(shop.edge.addr).await, request, "/account").await;
    let of_the_proxy = exchange(&mut connect(proxied.proxy.addr).await, request, "/account").await;

    let hint = "HTTP/1.1 103 Early Hints\r\nx-end: 3\r\n\r\nHTTP/1.1 200 OK\r\n";
    assert!(of_the_edge.starts_with(hint), "{of_the_edge}");
    let hint = "HTTP/1.1 103 Early Hints\r\nx-stamp: L.1\r\nx-end: 3\r\n\r\nHTTP/1.1 200 OK\r\n";
    assert!(of_the_proxy.starts_with(hint), "{of_the_proxy}");
}

#[tokio::test]
async fn a_100_of_the_origin_is_not_the_clients() {
    let origin = Hinting::with("HTTP/1.1 100 Continue\r\n\r\n").await;
    let (shop, proxied) = origin.behind_both().await;

    for addr in [shop.edge.addr, proxied.proxy.addr] {
        let request = "GET /account HTTP/1.1\r\nHost: x\r\n\r\n";
        let received = exchange(&mut connect(addr).await, request, "/account").await;

        assert_eq!(statuses(&received), ["200"], "{received}");
    }
}

#[tokio::test]
async fn a_hint_is_not_kept_with_the_answer_that_followed_it() {
    let origin = Hinting::that_waits(HINT, 1).await;
    let (_shop, proxied) = origin.behind_both().await;
    let mut client = connect(proxied.proxy.addr).await;
    let request = "GET /page HTTP/1.1\r\nHost: x\r\n\r\n";

    let first = exchange(&mut client, request, "\r\n\r\n/page").await;
    // The origin has no permit for another answer.
    let hit = exchange(&mut client, request, "\r\n\r\n/page").await;

    assert_eq!(statuses(&first), ["103", "200"], "{first}");
    assert_eq!(statuses(&hit), ["200"], "{hit}");
}

//! The proxy that caches any origin by the book: what it does with real connections. What it
//! decides is tested beside `edge_core::http`.

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
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::shop::{Reply, World};
use crate::stage::{Listening, Origin, Reaction};

const PATIENCE: Duration = Duration::from_secs(10);

struct Proxied {
    origin: Arc<Origin>,
    world: Arc<World>,
    proxy: Running,
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

    async fn before(
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

    async fn get(&self) -> Reply {
        self.send("GET", "/a", &[]).await
    }

    async fn get_with(&self, headers: &[(&str, &str)]) -> Reply {
        self.send("GET", "/a", headers).await
    }

    async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Reply {
        let uri = format!("http://{}{target}", self.proxy.addr);
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::default()).expect("a request");
        let response = timeout(PATIENCE, self.client.request(request)).await.expect("in time");
        let (head, body) = response.expect("a response").into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();

        Reply { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Asks again until it is answered with this.
    async fn get_until(&self, text: &str) -> Reply {
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

fn said(reply: &Reply) -> &str {
    reply.header("cache-status").strip_prefix("shopping-edge; ").expect("our own status")
}

#[tokio::test]
async fn a_fresh_answer_is_served_from_memory_and_grows_older() {
    let it = Proxied::open().await;
    it.plays(&[("cache-control", "max-age=60"), ("age", "10")]);

    let first = it.get().await;
    it.pass(5);
    let second = it.get().await;

    assert_eq!((first.text(), said(&first)), ("1", "fwd=uri-miss; stored"));
    assert_eq!((second.text(), said(&second)), ("1", "hit; ttl=45"));
    assert_eq!((first.header("age"), second.header("age")), ("10", "15"));
    assert_eq!(second.header("content-length"), "1");
    assert_eq!(it.origin.seen().len(), 1);
}

#[tokio::test]
async fn a_stale_answer_is_validated_and_takes_over_what_the_304_says() {
    let it = Proxied::open().await;
    it.origin.plays("/a", |seen| match seen.header("if-none-match") {
        "\"1\"" => Reaction::new(304, &[("cache-control", "max-age=90"), ("b", "2")], ""),
        _ => {
            let head = [("cache-control", "max-age=60"), ("etag", "\"1\""), ("b", "1"), ("c", "1")];
            Reaction::new(200, &head, "whole")
        }
    });
    it.get().await;
    it.pass(60);

    let validated = it.get().await;
    let hit = it.get().await;

    assert_eq!((validated.status, validated.text()), (200, "whole"));
    assert_eq!(said(&validated), "fwd=stale; fwd-status=304; stored");
    assert_eq!((validated.header("b"), validated.header("c")), ("2", "1"));
    assert_eq!((said(&hit), hit.header("b")), ("hit; ttl=90", "2"));
}

#[tokio::test]
async fn each_variant_has_its_own_answer() {
    let it = Proxied::open().await;
    it.origin.plays("/a", |seen| {
        let head = [("cache-control", "max-age=60"), ("vary", "accept-language")];
        Reaction::new(200, &head, seen.header("accept-language"))
    });
    let language = |value| [("accept-language", value)];

    let first = it.get_with(&language("en, de")).await;
    let other = it.get_with(&language("fr")).await;
    let again = it.get_with(&language("DE,en")).await;

    assert_eq!(said(&first), "fwd=uri-miss; stored");
    assert_eq!((other.text(), said(&other)), ("fr", "fwd=vary-miss; stored"));
    assert_eq!((again.text(), said(&again)), ("en, de", "hit; ttl=60"));
}

#[tokio::test]
async fn what_cdns_are_told_counts_for_us() {
    let it = Proxied::open().await;
    for (general, to_cdns, second) in [
        ("no-store", "max-age=60", "hit; ttl=60"),
        ("max-age=60", "no-store", "fwd=uri-miss"),
        ("max-age=60", "private", "fwd=uri-miss"),
        ("max-age=60", "no-cache", "fwd=uri-miss"),
        ("max-age=60", "max-age=5", "hit; ttl=5"),
        ("max-age=5", "max-age=60", "hit; ttl=60"),
        ("no-store", "max-age=\"60\"", "fwd=uri-miss"),
        ("no-store", "max-age=60, &", "fwd=uri-miss"),
        ("max-age=60", "", "hit; ttl=60"),
    ] {
        let target = format!("/a/{}", it.origin.seen().len());
        let head = [("cache-control", general), ("cdn-cache-control", to_cdns)];
        it.origin.plays(&target, move |_| Reaction::new(200, &head, "x"));

        it.send("GET", &target, &[]).await;
        let reply = it.send("GET", &target, &[]).await;

        assert_eq!(said(&reply), second, "{general} {to_cdns}");
    }
}

#[tokio::test]
async fn credentials_and_their_answers_stay_apart() {
    let it = Proxied::open().await;
    let answers = it.plays(&[("cache-control", "max-age=60")]);

    it.get_with(&[("authorization", "x")]).await;
    let other = it.get().await;

    assert_eq!((other.text(), said(&other)), ("2", "fwd=uri-miss; stored"));
    assert_eq!(answers.load(Ordering::SeqCst), 2);
    assert_eq!(it.origin.seen()[0].header("authorization"), "x");
}

#[tokio::test]
async fn what_one_client_wants_takes_nothing_from_the_others() {
    let it = Proxied::open().await;
    it.origin.plays("/a", |seen| match seen.header("if-none-match") {
        "\"1\"" => Reaction::new(304, &[], ""),
        _ => Reaction::new(200, &[("cache-control", "max-age=10"), ("etag", "\"1\"")], "a"),
    });
    it.get().await;
    it.pass(20);

    for wish in [("cache-control", "no-store"), ("authorization", "x")] {
        let reply = it.get_with(&[wish]).await;
        assert_eq!((reply.status, reply.text()), (200, "a"), "{wish:?}");
    }
    let other = it.get().await;

    assert_eq!(said(&other), "fwd=stale; fwd-status=304; stored");
}

#[tokio::test]
async fn a_write_makes_its_target_and_what_it_names_worthless() {
    let it = Proxied::open().await;
    it.plays(&[("cache-control", "max-age=60")]);
    it.origin.plays("/b", |seen| match seen.method.as_str() {
        "GET" => Reaction::new(200, &[("cache-control", "max-age=60")], "b"),
        _ => Reaction::new(201, &[("location", "a"), ("content-location", "http://else/b")], ""),
    });
    it.get().await;
    it.send("GET", "/b", &[]).await;

    let written = it.send("POST", "/b", &[]).await;
    let target = it.send("GET", "/b", &[]).await;
    let named = it.get().await;

    assert_eq!((written.status, said(&written)), (201, "fwd=method"));
    assert_eq!(said(&target), "fwd=uri-miss; stored");
    assert_eq!((named.text(), said(&named)), ("2", "fwd=uri-miss; stored"));
}

#[tokio::test]
async fn a_write_that_failed_changes_nothing() {
    let it = Proxied::open().await;
    it.origin.plays("/a", |seen| match seen.method.as_str() {
        "GET" => Reaction::new(200, &[("cache-control", "max-age=60")], "a"),
        _ => Reaction::new(500, &[], ""),
    });
    it.get().await;

    it.send("DELETE", "/a", &[]).await;

    assert_eq!(said(&it.get().await), "hit; ttl=60");
}

#[tokio::test]
async fn what_was_asked_for_before_a_write_is_not_kept_after_it() {
    let it = Arc::new(Proxied::open().await);
    it.plays(&[("cache-control", "max-age=60")]);
    it.origin.plays("/b", |_| Reaction::new(201, &[("location", "/a")], ""));
    it.origin.gate.forget_permits(usize::MAX >> 3);
    let reader = tokio::spawn({
        let it = Arc::clone(&it);
        async move { it.get().await }
    });
    it.until(|| !it.origin.seen().is_empty()).await;
    let writer = tokio::spawn({
        let it = Arc::clone(&it);
        async move { it.send("POST", "/b", &[]).await }
    });
    it.until(|| it.origin.seen().len() == 2).await;

    // The reader's question came first and is answered first; its answer may still be late.
    it.origin.gate.add_permits(2);
    let (read, written) = (reader.await.unwrap(), writer.await.unwrap());
    it.origin.gate.add_permits(1);
    let after = it.get().await;

    assert_eq!((read.text(), written.status), ("1", 201));
    assert_eq!(after.text(), "2");
}

#[tokio::test]
async fn a_herd_asks_once() {
    let it = Arc::new(Proxied::open().await);
    let answers = it.plays(&[("cache-control", "max-age=60")]);
    it.origin.gate.forget_permits(usize::MAX >> 3);
    let herd: Vec<_> = (0..100)
        .map(|_| {
            let it = Arc::clone(&it);
            tokio::spawn(async move { it.get().await })
        })
        .collect();

    it.until(|| !it.origin.seen().is_empty()).await;
    it.origin.gate.add_permits(1);
    let mut collapsed = 0;
    for reply in herd {
        let reply = reply.await.unwrap();
        assert_eq!(reply.text(), "1");
        collapsed += usize::from(said(&reply).contains("collapsed"));
    }

    assert_eq!(answers.load(Ordering::SeqCst), 1);
    assert!(collapsed > 0, "somebody waited");
}

#[tokio::test]
async fn nobody_gets_another_ones_answer() {
    let it = Arc::new(Proxied::open().await);
    it.plays(&[("cache-control", "private, max-age=60")]);
    it.origin.gate.forget_permits(usize::MAX >> 3);
    let herd: Vec<_> = (0..20)
        .map(|_| {
            let it = Arc::clone(&it);
            tokio::spawn(async move { it.get().await })
        })
        .collect();
    it.until(|| !it.origin.seen().is_empty()).await;
    it.origin.gate.add_permits(20);

    let mut bodies = Vec::new();
    for reply in herd {
        let reply = reply.await.unwrap();
        assert_eq!(said(&reply), "fwd=uri-miss");
        bodies.push(reply.text().to_owned());
    }

    bodies.sort_unstable();
    bodies.dedup();
    assert_eq!(bodies.len(), 20);
}

#[tokio::test]
async fn within_its_window_a_stale_answer_is_shown_and_refreshed_once() {
    let it = Proxied::open().await;
    let answers = it.plays(&[("cache-control", "max-age=10, stale-while-revalidate=20")]);
    it.get().await;
    it.pass(15);

    let stale = it.get().await;
    let fresh = it.get_until("2").await;

    assert_eq!((stale.text(), said(&stale)), ("1", "hit; ttl=-5; detail=revalidating"));
    assert_eq!(said(&fresh), "hit; ttl=10");
    assert_eq!(answers.load(Ordering::SeqCst), 2);
    it.pass(30);
    assert_eq!(said(&it.get().await), "fwd=stale; stored");
}

#[tokio::test]
async fn an_old_answer_stands_in_for_an_error_within_its_window() {
    let mut it = Proxied::open().await;
    let is_broken = Arc::new(Mutex::new(false));
    let broken = Arc::clone(&is_broken);
    it.origin.plays("/a", move |_| match *broken.lock().unwrap() {
        false => Reaction::new(200, &[("cache-control", "max-age=10, stale-if-error=60")], "old"),
        true => Reaction::new(503, &[("cache-control", "max-age=60")], "broken"),
    });
    it.get().await;
    it.pass(20);
    *is_broken.lock().unwrap() = true;

    let refused = it.get().await;
    let listening = it.listening.take().unwrap();
    listening.goes_down().await;
    let unreachable = it.get().await;
    it.pass(50);
    let too_late = it.get().await;

    assert_eq!((refused.status, refused.text()), (200, "old"));
    assert_eq!(said(&refused), "fwd=stale; fwd-status=503; detail=stale-if-error");
    assert_eq!(said(&unreachable), "fwd=stale; fwd-status=502; detail=stale-if-error");
    assert_eq!((too_late.status, said(&too_late)), (502, "fwd=stale"));
}

#[tokio::test]
async fn a_client_gets_no_more_than_it_asks_for() {
    let it = Proxied::open().await;
    it.origin.plays("/a", |_| {
        let head = [("cache-control", "max-age=60"), ("etag", "W/\"1\""), ("x", "y")];
        Reaction::new(200, &head, "0123456789")
    });
    it.get().await;

    let known = it.get_with(&[("if-none-match", "\"0\", \"1\""), ("range", "bytes=0-1")]).await;
    let part = it.get_with(&[("range", "bytes=2-4")]).await;
    let beyond = it.get_with(&[("range", "bytes=10-")]).await;
    let head = it.send("HEAD", "/a", &[]).await;

    assert_eq!((known.status, known.text(), known.header("etag")), (304, "", "W/\"1\""));
    assert_eq!((part.status, part.text()), (206, "234"));
    assert_eq!((part.header("content-range"), part.header("x")), ("bytes 2-4/10", "y"));
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */10"));
    assert_eq!((head.status, head.text(), head.header("content-length")), (200, "", "10"));
    assert_eq!(it.origin.seen().len(), 1);
}

#[tokio::test]
async fn the_whole_is_fetched_whatever_part_or_news_was_asked_for() {
    let it = Proxied::open().await;
    it.plays(&[("cache-control", "max-age=60"), ("etag", "\"1\"")]);

    let known = it.get_with(&[("if-none-match", "\"1\"")]).await;

    assert_eq!((known.status, said(&known)), (304, "fwd=uri-miss; stored"));
    assert_eq!(it.origin.seen()[0].header("if-none-match"), "");
    assert_eq!(said(&it.get().await), "hit; ttl=60");
}

#[tokio::test]
async fn a_part_of_what_is_not_kept_is_passed_on() {
    let it = Proxied::open().await;
    it.origin.plays("/a", |seen| {
        let head = [("cache-control", "max-age=60"), ("content-range", "bytes 0-1/10")];
        Reaction::new(206, &head, &seen.header("range")[..2])
    });

    let part = it.get_with(&[("range", "bytes=0-1")]).await;
    let again = it.get_with(&[("range", "bytes=0-1")]).await;

    assert_eq!((part.status, part.text()), (206, "by"));
    assert_eq!(said(&again), "fwd=uri-miss");
}

#[tokio::test]
async fn a_head_goes_on_when_it_is_stale_and_freshens_what_it_is_about() {
    let it = Proxied::open().await;
    it.plays(&[("cache-control", "max-age=60"), ("etag", "\"1\"")]);
    it.get().await;
    it.pass(60);

    let head = it.send("HEAD", "/a", &[]).await;
    let hit = it.get().await;

    assert_eq!((head.status, said(&head)), (200, "fwd=stale"));
    assert_eq!(it.origin.seen()[1].method, "HEAD");
    assert_eq!((hit.text(), said(&hit)), ("1", "hit; ttl=60"));
}

#[tokio::test]
async fn who_wants_only_what_is_cached_waits_for_nobody() {
    let it = Proxied::open().await;
    it.plays(&[("cache-control", "max-age=60")]);
    let only = [("cache-control", "only-if-cached")];

    let nothing = it.get_with(&only).await;
    it.get().await;
    let hit = it.get_with(&only).await;

    assert_eq!((nothing.status, nothing.header("content-type")), (504, "application/problem+json"));
    assert_eq!(said(&hit), "hit; ttl=60");
    assert_eq!(it.origin.seen().len(), 1);
}

#[tokio::test]
async fn what_is_too_large_to_keep_passes_whole() {
    let it = Proxied::open_with(|settings| settings.limits.cached_body_max = 10).await;
    it.origin
        .plays("/a", |_| Reaction::new(200, &[("cache-control", "max-age=60")], "twelve bytes"));

    for _ in 0..2 {
        let reply = it.get().await;

        assert_eq!((reply.text(), said(&reply)), ("twelve bytes", "fwd=uri-miss"));
    }
}

#[tokio::test]
async fn what_turns_out_too_large_passes_whole_as_well() {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n\
        transfer-encoding: chunked\r\n\r\n6\r\ntwelve\r\n6\r\n bytes\r\n0\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(ANSWER).await;
        }
    });
    let world = Arc::new(World::default());
    let key = SigningKey::new("k1", &[7; 32]).expect("a key");
    let origin = Origin::new(key, Arc::clone(&world));
    let small = |settings: &mut Settings| settings.limits.cached_body_max = 7;
    let it = Proxied::before(addr, origin, world, small).await;

    let reply = it.get().await;

    assert_eq!((reply.text(), said(&reply)), ("twelve bytes", "fwd=uri-miss"));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_neither_shown_nor_kept() {
    let it = Proxied::open().await;
    let answers = Arc::new(AtomicUsize::default());
    let counted = Arc::clone(&answers);
    it.origin.plays("/a", move |_| {
        let is_first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        let mut reaction = Reaction::new(200, &[("cache-control", "max-age=60")], "whole");
        reaction.cut_after = is_first.then_some(2);
        reaction
    });

    let broken = it.get().await;
    let whole = it.get().await;

    assert_eq!((broken.status, said(&broken)), (502, "fwd=uri-miss"));
    assert_eq!((whole.status, whole.text()), (200, "whole"));
}

#[tokio::test]
async fn what_is_of_one_hop_goes_no_further() {
    let it = Proxied::open().await;
    it.plays(&[
        ("cache-control", "max-age=60"),
        ("connection", "b"),
        ("b", "1"),
        ("keep-alive", "x"),
        ("cache-status", "nearer; hit"),
        ("c", "1"),
    ]);

    it.get_with(&[("connection", "d"), ("d", "1"), ("te", "x"), ("e", "1")]).await;
    let hit = it.get().await;

    let seen = &it.origin.seen()[0];
    assert_eq!((seen.header("d"), seen.header("te"), seen.header("e")), ("", "", "1"));
    assert_eq!(seen.header("via"), "1.1 shopping-edge");
    assert!(!hit.headers.contains_key("b") && !hit.headers.contains_key("keep-alive"));
    assert_eq!(hit.header("c"), "1");
    let statuses: Vec<_> = hit.headers.get_all("cache-status").iter().collect();
    assert_eq!(statuses, ["nearer; hit", "shopping-edge; hit; ttl=60"]);
}

#[tokio::test]
async fn at_the_end_requests_under_way_are_answered() {
    let it = Arc::new(Proxied::open().await);
    it.plays(&[("cache-control", "max-age=60")]);
    it.origin.gate.forget_permits(usize::MAX >> 3);
    let reader = tokio::spawn({
        let it = Arc::clone(&it);
        async move { it.get().await }
    });
    it.until(|| !it.origin.seen().is_empty()).await;

    drop(it.stop.lock().unwrap().take());
    it.origin.gate.add_permits(1);

    assert_eq!(reader.await.unwrap().text(), "1");
    it.until(|| it.proxy.join.is_finished()).await;
}

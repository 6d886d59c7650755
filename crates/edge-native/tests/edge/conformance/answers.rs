//! What origins answer with: too much, too little, nothing, and what is for one hop alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use edge_core::auth::SigningKey;
use edge_native::conformance::Settings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{Proxied, said};
use crate::shop::World;
use crate::stage::{Origin, Reaction};

#[tokio::test]
async fn a_stale_response_is_served_for_an_error_within_its_window() {
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
async fn an_answer_that_breaks_off_is_neither_shown_nor_kept() {
    let it = Proxied::open().await;
    let is_whole = Arc::new(AtomicBool::default());
    let plays_whole = Arc::clone(&is_whole);
    it.origin.plays("/a", move |_| {
        let mut reaction = Reaction::new(200, &[("cache-control", "max-age=60")], "whole");
        reaction.cut_after = (!plays_whole.load(Ordering::SeqCst)).then_some(2);
        reaction
    });

    let broken = it.get().await;
    is_whole.store(true, Ordering::SeqCst);
    let whole = it.get().await;

    assert_eq!((broken.status, said(&broken)), (502, "fwd=uri-miss"));
    assert_eq!((whole.status, whole.text()), (200, "whole"));
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
    assert!(seen.header("via").starts_with("1.1 shopping-"), "{seen:?}");
    assert!(!hit.headers.contains_key("b") && !hit.headers.contains_key("keep-alive"));
    assert_eq!(hit.header("c"), "1");
    let statuses: Vec<_> = hit.headers.get_all("cache-status").iter().collect();
    assert_eq!(statuses, ["nearer; hit", "shopping-edge; hit; ttl=60"]);
}

#[tokio::test]
async fn a_request_that_has_passed_this_proxy_before_is_refused_as_a_loop() {
    let it = Proxied::open().await;
    it.plays(&[]);
    it.get().await;
    let via = it.origin.seen()[0].header("via").to_owned();

    for method in ["GET", "HEAD", "POST"] {
        let looping = it.send(method, "/a", &[("via", &format!("1.1 other, {via}"))]).await;

        assert_eq!(looping.status, 508, "{method}: {looping:?}");
    }
    let of_another = it.get_with(&[("via", "1.1 shopping-0123456789abcdef")]).await;

    assert_eq!(of_another.status, 200);
    assert_eq!(it.origin.seen().len(), 2, "no looping request went on");
}

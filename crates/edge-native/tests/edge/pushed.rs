//! The invalidator's push: it makes an edge ask for the log, and nothing else can.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use edge_core::auth::{KeyRing, SigningKey};
use edge_core::push;
use ports::World as _;
use tokio::time::Instant;

use crate::shop::{ClientResponse, Shop};
use crate::stage::Reaction;

fn key(name: &str, byte: u8) -> SigningKey {
    SigningKey::new(name, &[byte; 32]).expect("a key")
}

/// With the keys `k1` (its own) and `k2` (the next one).
async fn open() -> Shop {
    Shop::open_with(|settings| {
        settings.push_keys = Some(KeyRing::new(key("k1", 7)).with_other(key("k2", 8)));
    })
    .await
}

async fn push_signed(shop: &Shop, at: &str, key: &SigningKey, now: Timestamp) -> ClientResponse {
    let target = push::target(&at.parse().expect("a stamp"));
    let auth = push::sign(key, &target, now, 1);

    shop.send("POST", &target, &[("x-edge-auth", &auth)], "").await
}

async fn push_to(shop: &Shop, at: &str) -> ClientResponse {
    push_signed(shop, at, &key("k1", 7), shop.world.now()).await
}

fn position(shop: &Shop) -> String {
    shop.edge.follower().stamp().map(|stamp| stamp.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn a_push_makes_the_edge_read_the_log_at_once() {
    let shop = open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/featured", move |_| {
        let body = origin.stamp().to_string();
        Reaction::public(&origin, "catalog featured", &body)
    });
    let polls = shop.origin.polls().len();
    let began = Instant::now();

    for _ in 0..30 {
        shop.get("/featured").await;
        let at = format!("L.{}", shop.origin.commits(&["featured"], false).0);
        let reply = push_to(&shop, &at).await;

        assert_eq!((reply.status, reply.text()), (204, ""));
        assert_eq!(reply.header("cache-control"), "private, no-store");
        shop.until(|| position(&shop) == at).await;
        assert_eq!(shop.get("/featured").await.text(), at);
    }

    // By itself it would have asked once a second.
    let polls = shop.origin.polls().len() - polls;
    assert!(polls as u64 > began.elapsed().as_secs() + 10, "{polls} polls");
}

#[tokio::test]
async fn a_push_of_what_is_known_costs_no_poll() {
    let shop = open().await;
    shop.commits(&["featured"], false).await;
    let polls = shop.origin.polls().len();

    for at in ["L.1", "L.0", "L.1"] {
        assert_eq!(push_to(&shop, at).await.status, 204);
    }

    // The timer's own poll may fall in between.
    assert!(shop.origin.polls().len() <= polls + 1);
}

#[tokio::test]
async fn pushes_that_come_twice_or_the_wrong_way_round_show_nothing_older() {
    let shop = open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/featured", move |_| {
        let body = origin.stamp().to_string();
        Reaction::public(&origin, "catalog featured", &body)
    });
    shop.get("/featured").await;
    for _ in 0..3 {
        shop.origin.commits(&["featured"], false);
    }

    push_to(&shop, "L.3").await;
    shop.until(|| position(&shop) == "L.3").await;

    for at in ["L.1", "L.3", "L.2", "L.3"] {
        assert_eq!(push_to(&shop, at).await.status, 204, "{at}");
        assert_eq!(shop.get("/featured").await.text(), "L.3", "after {at}");
        assert_eq!(position(&shop), "L.3", "after {at}");
    }
    assert!(shop.get("/featured").await.is_hit(), "none of them took the answer away");
}

#[tokio::test]
async fn many_pushes_at_once_make_few_polls() {
    let shop = open().await;
    let polls = shop.origin.polls().len();
    let began = Instant::now();

    for at in 0..200 {
        push_to(&shop, &format!("L.{}", 1_000 + at)).await;
    }

    let most = 3 + began.elapsed().as_millis() / 20;
    let made = shop.origin.polls().len() - polls;
    assert!(made as u128 <= most, "{made} polls, at most {most} are allowed");
}

#[tokio::test]
async fn both_live_keys_are_accepted() {
    let shop = open().await;
    let now = shop.world.now();

    assert_eq!(push_signed(&shop, "L.0", &key("k1", 7), now).await.status, 204);
    assert_eq!(push_signed(&shop, "L.0", &key("k2", 8), now).await.status, 204);
    assert_eq!(push_signed(&shop, "L.0", &key("k3", 9), now).await.status, 404);
}

#[tokio::test]
async fn an_invalid_signature_gets_the_404_of_an_unknown_path() {
    let shop = open().await;
    let unknown = shop.send("GET", "/internal", &[], "").await;
    let now = shop.world.now();
    let late = now.plus(Duration::from_secs(61));
    let target = "/internal/changes?at=L.9";
    let other = push::sign(&key("k1", 7), "/internal/changes?at=L.8", now, 1);

    for reply in [
        shop.send("POST", target, &[], "").await,
        shop.send("POST", target, &[("x-edge-auth", "v1;k1;1;x;y")], "").await,
        shop.send("POST", target, &[("x-edge-auth", &other)], "").await,
        shop.send("GET", target, &[("x-edge-auth", &other)], "").await,
        push_signed(&shop, "L.9", &key("k1", 6), now).await,
        push_signed(&shop, "L.9", &key("k1", 7), late).await,
    ] {
        assert_eq!(reply.status, 404);
        let names = |reply: &ClientResponse| reply.headers.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&reply), names(&unknown));
    }
    assert!(shop.origin.seen().is_empty(), "nothing of it reached the origin");
}

#[tokio::test]
async fn an_edge_without_keys_for_it_takes_no_push() {
    let shop = Shop::open().await;

    assert_eq!(push_to(&shop, "L.9").await.status, 404);
}

//! When the origin is down, slow, or wrong.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::shop::Shop;
use crate::stage::{Listening, Reaction};

fn plays_well(shop: &Shop, path: &str) {
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays(path, move |_| Reaction::public(&origin, "catalog product:p", "good"));
}

#[tokio::test]
async fn with_the_origin_down_a_stale_response_is_served() {
    let mut shop = Shop::open().await;
    plays_well(&shop, "/products/mug");
    shop.get("/products/mug").await;
    shop.world.passes(Duration::from_secs(3_600));

    shop.origin_goes_down().await;
    let reply = shop.get("/products/mug").await;
    let again = shop.get("/products/mug").await;

    assert_eq!((reply.status, reply.text()), (200, "good"));
    let status = "shopping-edge; fwd=stale; fwd-status=502; detail=stale-if-error";
    assert_eq!(reply.header("cache-status"), status);
    assert_eq!(reply.header("age"), "3600");
    // For a second the origin is left alone.
    assert_eq!(again.header("cache-status"), "shopping-edge; fwd=stale; detail=stale-if-error");
}

#[tokio::test]
async fn what_was_hard_invalidated_is_never_shown() {
    let mut shop = Shop::open().await;
    plays_well(&shop, "/products/mug");
    shop.get("/products/mug").await;
    shop.commits(&["product:p"], true).await;

    shop.origin_goes_down().await;
    let reply = shop.get("/products/mug").await;

    assert_eq!(reply.status, 502);
    assert!(reply.text().contains("origin_unreachable"), "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.header("cache-control"), "private, no-store");
}

#[tokio::test]
async fn an_answer_of_too_many_bytes_is_refused() {
    let shop = Shop::open_with(|settings| settings.limits.cached_body_max = 3).await;
    plays_well(&shop, "/products/mug");

    assert_eq!(shop.get("/products/mug").await.status, 502);
}

#[tokio::test]
async fn an_origin_that_takes_too_long_is_a_timeout_and_followers_do_not_wait_for_ever() {
    let shop = Shop::open_with(|settings| {
        settings.limits.fetch_within = Duration::from_millis(200);
        settings.limits.leader_deadline = Duration::from_millis(50);
    })
    .await;
    plays_well(&shop, "/products/mug");
    shop.origin.gate.forget_permits(usize::MAX >> 3);

    let (first, second) = tokio::join!(shop.get("/products/mug"), shop.get("/products/mug"));

    assert_eq!((first.status, second.status), (504, 504));
    assert!(first.text().contains("\"timeout\""), "{}", first.text());
    assert_eq!(shop.origin.seen().len(), 2, "the second asked for itself once it was overdue");
}

#[tokio::test]
async fn an_origin_that_comes_back_is_asked_again() {
    let mut shop = Shop::open().await;
    plays_well(&shop, "/products/mug");
    let addr = shop.origin_goes_down().await;
    assert_eq!(shop.get("/products/mug").await.status, 502);

    shop.listening = Some(Listening::at(addr, Arc::clone(&shop.origin)).await);

    assert_eq!(shop.get("/products/mug").await.text(), "good");
}

#[tokio::test]
async fn shutdown_lets_a_request_end_and_takes_no_new_one() {
    let shop = Shop::open().await;
    plays_well(&shop, "/products/mug");
    shop.origin.gate.forget_permits(usize::MAX >> 3);
    let addr = shop.edge.addr;

    let (reply, ()) = tokio::join!(shop.get("/products/mug"), async {
        shop.until(|| shop.origin.seen().len() == 1).await;
        shop.closes();
        while TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
        shop.origin.gate.add_permits(1);
    });

    assert_eq!(reply.text(), "good");
    timeout(Duration::from_secs(5), shop.edge.join).await.unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_waits_for_a_stuck_request_only_so_long() {
    let shop =
        Shop::open_with(|settings| settings.server.drain_timeout = Duration::from_millis(50)).await;
    plays_well(&shop, "/products/mug");
    shop.origin.gate.forget_permits(usize::MAX >> 3);
    let mut stuck = TcpStream::connect(shop.edge.addr).await.unwrap();
    stuck.write_all(b"GET /products/mug HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    shop.until(|| shop.origin.seen().len() == 1).await;

    shop.closes();

    timeout(Duration::from_secs(5), shop.edge.join).await.unwrap().unwrap();
    assert_eq!(stuck.read(&mut [0; 64]).await.unwrap_or(0), 0);
}

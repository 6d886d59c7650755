//! Coherence: what the change log does to cached reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::shop::Shop;
use crate::stage::Reaction;

#[tokio::test]
async fn a_row_that_names_a_tag_makes_the_answer_a_miss() {
    let shop = Shop::open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/products/mug", move |_| {
        let body = origin.stamp().to_string();
        Reaction::public(&origin, "catalog product:p", &body)
    });
    shop.get("/products/mug").await;

    let other = shop.commits(&["product:q"], false).await;
    let kept = shop.get("/products/mug").await;
    let seq = shop.commits(&["product:p"], false).await;
    let changed = shop.get("/products/mug").await;

    assert_eq!((other.0, kept.text()), (1, "L.0"));
    assert!(kept.is_hit());
    assert_eq!(changed.text(), "L.2");
    assert_eq!(changed.header("cache-status"), "shopping-edge; fwd=miss; stored");
    assert_eq!(shop.origin.seen()[1].header("x-min-seq"), seq.to_string());
    assert!(shop.get("/products/mug").await.is_hit());
}

#[tokio::test]
async fn a_cold_read_asks_for_what_is_known_of_its_url() {
    let shop = Shop::open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/products/mug", move |_| Reaction::public(&origin, "catalog slug:mug", "x"));
    shop.commits(&["slug:mug"], false).await;
    shop.commits(&["slug:cup"], false).await;

    shop.get("/products/mug").await;

    assert_eq!(shop.origin.seen()[0].header("x-min-seq"), "1");
}

#[tokio::test]
async fn the_log_is_followed_without_pushes() {
    let shop = Shop::open().await;

    let seq = shop.origin.commits(&["catalog"], false);
    shop.until(|| shop.edge.follower().stamp().is_some_and(|stamp| stamp.seq == seq)).await;

    let polls = shop.origin.polls();
    assert!(polls.iter().all(|poll| poll.is_signed));
    let from_start = "/internal/changes?after=L.0&nonce=";
    assert!(polls.iter().any(|poll| poll.target.starts_with(from_start)), "{polls:?}");
    let targets: std::collections::HashSet<_> = polls.iter().map(|poll| &poll.target).collect();
    assert_eq!(targets.len(), polls.len(), "no cache on the way has an answer");
}

#[tokio::test]
async fn a_reader_who_came_after_a_row_never_joins_a_read_from_before_it() {
    let shop = Arc::new(Shop::open().await);
    let origin = Arc::clone(&shop.origin);
    let asked = AtomicU32::new(0);
    shop.origin.plays("/products/mug", move |_| {
        // The first read found its data before the row, and answers after it.
        let stamp = match asked.fetch_add(1, Ordering::SeqCst) {
            0 => "L.0".to_owned(),
            _ => origin.stamp().to_string(),
        };
        Reaction::stamped(&stamp, "catalog product:p", &stamp)
    });
    shop.origin.gate.forget_permits(usize::MAX >> 3);
    let read = || {
        let shop = Arc::clone(&shop);
        tokio::spawn(async move { shop.get("/products/mug").await })
    };

    let early = read();
    shop.until(|| shop.origin.seen().len() == 1).await;
    shop.commits(&["product:p"], false).await;
    let late = read();
    shop.origin.gate.add_permits(10);

    assert_eq!(late.await.unwrap().text(), "L.1");
    assert_eq!(early.await.unwrap().text(), "L.1");
}

#[tokio::test]
async fn without_the_log_an_answer_is_used_as_long_as_its_clamp_and_says_so() {
    let shop = Shop::open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/products/mug", move |_| Reaction::public(&origin, "catalog", "x"));
    shop.get("/products/mug").await;
    shop.origin.loses_its_log();

    let time_passes = async |seconds| {
        let duration = Duration::from_secs(seconds);
        tokio::time::pause();
        tokio::time::advance(duration).await;
        tokio::time::resume();
        shop.world.passes(duration);
    };
    time_passes(10).await;
    let within = shop.get("/products/mug").await;
    time_passes(60).await;
    let beyond = shop.get("/products/mug").await;
    let again = shop.get("/products/mug").await;

    let status = "shopping-edge; hit; ttl=590; detail=log-unavailable";
    assert_eq!(within.header("cache-status"), status);
    let status = "shopping-edge; fwd=stale; stored; detail=log-unavailable";
    assert_eq!(beyond.header("cache-status"), status);
    // What the origin has just said is as good as the log.
    assert!(again.is_hit());
}

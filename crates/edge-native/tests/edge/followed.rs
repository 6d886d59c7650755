//! Coherence: what the change log does to cached reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::Seq;
use edge_core::auth::SigningKey;
use edge_core::token;
use ports::World as _;

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
async fn an_answer_is_judged_by_its_own_tags_and_asked_for_again() {
    let shop = Shop::open().await;
    let asked = AtomicU32::new(0);
    shop.origin.plays("/featured", move |_| {
        // The first answer is from before row 1, which names a product that it shows.
        let stamp = if asked.fetch_add(1, Ordering::SeqCst) == 0 { "L.0" } else { "L.1" };
        Reaction::stamped(stamp, "catalog featured product:p", stamp)
    });
    shop.commits(&["product:p"], false).await;

    let reply = shop.get("/featured").await;

    assert_eq!(reply.text(), "L.1");
    let seen = shop.origin.seen();
    assert_eq!((seen.len(), seen[1].header("x-min-seq")), (2, "1"));
    assert!(shop.get("/featured").await.is_hit());
}

#[tokio::test]
async fn an_answer_that_stays_behind_is_shown_and_not_kept() {
    let shop = Shop::open().await;
    shop.origin.plays("/featured", |_| Reaction::stamped("L.0", "catalog product:p", "old"));
    shop.commits(&["product:p"], false).await;

    let reply = shop.get("/featured").await;

    assert_eq!(reply.text(), "old");
    assert_eq!(reply.header("cache-status"), "shopping-edge; fwd=uri-miss; detail=behind");
    assert!(!shop.get("/featured").await.is_hit());
}

#[tokio::test]
async fn another_log_drops_everything() {
    let shop = Shop::open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/featured", move |_| {
        let body = origin.stamp().to_string();
        Reaction::public(&origin, "catalog featured", &body)
    });
    shop.get("/featured").await;

    shop.origin.is_restored_as("M");
    shop.edge.kick();
    let follower = shop.edge.follower();
    shop.until(|| follower.stamp().is_some_and(|stamp| stamp.log.as_str() == "M")).await;

    let reply = shop.get("/featured").await;
    assert_eq!((reply.text(), reply.is_hit()), ("M.0", false));
}

#[tokio::test]
async fn the_log_is_followed_without_pushes() {
    let shop = Shop::open().await;

    let seq = shop.origin.commits(&["catalog"], false);
    shop.until(|| shop.edge.follower().stamp().is_some_and(|stamp| stamp.seq == seq)).await;

    let polls = shop.origin.polls();
    assert!(polls.iter().all(|poll| poll.is_signed));
    assert!(polls.iter().any(|poll| poll.target == "/internal/changes?after=L.0"));
}

#[tokio::test]
async fn a_cache_that_is_switched_off_keeps_and_serves_nothing() {
    let shop = Shop::open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/featured", move |_| Reaction::public(&origin, "catalog", "x"));
    shop.get("/featured").await;

    shop.origin.switches_the_cache("off");
    shop.commits(&["flags"], false).await;
    let off = shop.get("/featured").await;
    assert_eq!(off.header("cache-status"), "shopping-edge; fwd=bypass; detail=cache-off");

    shop.origin.switches_the_cache("on");
    shop.commits(&["flags"], false).await;
    assert!(shop.get("/featured").await.is_hit());
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

fn token_key() -> SigningKey {
    SigningKey::new("token", &[9; 32]).expect("a key")
}

#[tokio::test]
async fn whoever_has_written_is_shown_nothing_older() {
    let shop = Shop::open_with(|settings| settings.token_key = Some(token_key())).await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/products/mug", move |_| {
        let body = origin.stamp().to_string();
        Reaction::public(&origin, "catalog product:p", &body)
    });
    shop.get("/products/mug").await;

    // Nobody tells the edge of the row.
    let seq = shop.origin.commits(&["product:p"], false);
    let mint = |seq| token::mint(&token_key(), seq, shop.world.now());
    let written = shop.get_with("/products/mug", &[("x-catalog-token", &mint(seq))]).await;
    let unknown = shop.get_with("/products/mug", &[("x-catalog-token", &mint(Seq(99)))]).await;

    assert_eq!(written.text(), "L.1");
    assert_eq!(written.header("cache-control"), "private, no-store");
    assert_eq!(unknown.header("cache-status"), "shopping-edge; fwd=request; stored");
    assert_eq!(unknown.header("cache-control"), "private, no-store");
    let seen = shop.origin.seen();
    assert_eq!(seen[1].header("x-min-seq"), "1");
    assert_eq!(seen[2].header("x-min-seq"), "99");
}

#[tokio::test]
async fn a_token_that_nobody_minted_is_ignored() {
    let shop = Shop::open_with(|settings| settings.token_key = Some(token_key())).await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/featured", move |_| Reaction::public(&origin, "catalog", "x"));
    shop.get("/featured").await;
    let other = SigningKey::new("token", &[8; 32]).expect("a key");
    let forged = token::mint(&other, Seq(99), shop.world.now());

    for token in [forged.as_str(), "99.9999999999.x", ""] {
        let reply = shop.get_with("/featured", &[("x-catalog-token", token)]).await;

        assert!(reply.is_hit(), "{token}");
        assert_eq!(reply.header("cache-control"), "public, max-age=0, must-revalidate");
    }
}

//! When clocks jump, logs are lost and edges begin anew.

use std::sync::Arc;
use std::time::Duration;

use crate::shop::{ClientResponse, Shop};
use crate::stage::{Listening, Reaction};

const PAGE: &str = "/products/mug";
const DAY: Duration = Duration::from_secs(86_400);

/// A page whose body is the log's position.
fn plays_well(shop: &Shop) {
    let origin = Arc::clone(&shop.origin);

    shop.origin.plays(PAGE, move |_| {
        let head = origin.stamp().seq.to_string();
        Reaction::public(&origin, "catalog product:p", &head)
    });
}

/// Time that no clock on a wall takes part in.
async fn passes(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

fn is_marked(reply: &ClientResponse) -> bool {
    reply.header("cache-status").ends_with("detail=stale-if-error")
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_answer_younger_than_it_is() {
    let shop = Shop::open().await;
    plays_well(&shop);
    shop.get(PAGE).await;
    shop.origin.loses_its_log();
    shop.world.jumps_back(DAY);

    passes(30).await;
    let within = shop.get(PAGE).await;
    passes(40).await;
    let beyond = shop.get(PAGE).await;

    let detail = "shopping-edge; hit; ttl=570; detail=log-unavailable";
    assert_eq!(within.header("cache-status"), detail);
    assert!(!beyond.is_hit(), "{beyond:?}");
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_outage_longer() {
    let mut shop = Shop::open().await;
    plays_well(&shop);
    shop.get(PAGE).await;
    shop.world.passes(Duration::from_secs(3_600));
    let addr = shop.origin_goes_down().await;
    assert!(is_marked(&shop.get(PAGE).await));
    shop.listening = Some(Listening::at(addr, Arc::clone(&shop.origin)).await);

    shop.world.jumps_back(Duration::from_secs(1_800));
    shop.commits(&["product:p"], false).await;
    let reply = shop.get(PAGE).await;

    assert_eq!((reply.text(), is_marked(&reply)), ("1", false), "{reply:?}");
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_costs_a_read_and_no_truth() {
    let mut shop = Shop::open().await;
    plays_well(&shop);
    shop.get(PAGE).await;

    shop.world.passes(DAY * 365);
    let asked_again = shop.get(PAGE).await;
    shop.world.passes(DAY * 365);
    shop.origin_goes_down().await;
    let too_old = shop.get(PAGE).await;

    assert_eq!((asked_again.status, asked_again.is_hit()), (200, false));
    assert_eq!(too_old.status, 502, "a year is beyond stale-if-error: {too_old:?}");
}

#[tokio::test]
async fn what_is_hard_invalidated_while_the_origin_fails_is_not_served_stale() {
    let shop = Shop::open().await;
    plays_well(&shop);
    shop.get(PAGE).await;
    shop.world.passes(Duration::from_secs(3_600));
    shop.origin.plays(PAGE, |_| Reaction::new(503, &[], "{}"));
    shop.origin.gate.forget_permits(usize::MAX >> 3);

    let (reply, ()) = tokio::join!(shop.get(PAGE), async {
        shop.until(|| shop.origin.seen().len() == 2).await;
        shop.commits(&["product:p"], true).await;
        shop.origin.gate.add_permits(10);
    });

    assert_eq!(reply.status, 503, "{reply:?}");
}

#[tokio::test]
async fn an_edge_that_begins_anew_shows_what_there_is_now() {
    let before = Shop::open().await;
    plays_well(&before);
    before.get(PAGE).await;
    before.origin.commits(&["product:p"], false);

    let after = Shop::open_before(&before).await;
    let reply = after.get(PAGE).await;

    assert_eq!(reply.text(), "1");
    after.commits(&["product:p"], false).await;
    assert_eq!(after.get(PAGE).await.text(), "2");
}

#[tokio::test]
async fn an_edge_that_never_had_the_log_keeps_answers_for_their_clamp_alone() {
    let before = Shop::open().await;
    plays_well(&before);
    before.origin.loses_its_log();
    let after = Shop::open_blind_before(&before).await;

    let first = after.get(PAGE).await;
    let kept = after.get(PAGE).await;
    before.origin.commits(&["product:p"], false);
    passes(61).await;
    let later = after.get(PAGE).await;

    assert_eq!(first.text(), "0");
    assert!(kept.header("cache-status").ends_with("detail=log-unavailable"), "{kept:?}");
    assert_eq!((later.text(), later.is_hit()), ("1", false), "{later:?}");
}

#[tokio::test]
async fn a_log_that_comes_back_judges_what_was_kept_without_it() {
    let before = Shop::open().await;
    plays_well(&before);
    before.origin.loses_its_log();
    let after = Shop::open_blind_before(&before).await;
    assert_eq!(after.get(PAGE).await.text(), "0");

    before.origin.commits(&["product:p"], false);
    before.origin.finds_its_log();
    after.until(|| after.edge.follower().position().is_some()).await;
    let reply = after.get(PAGE).await;

    assert_eq!((reply.text(), reply.is_hit()), ("1", false), "{reply:?}");
}

//! What one client may ask for, and what it does to the others.

use super::{Proxied, said};
use crate::stage::Reaction;

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
async fn only_if_cached_waits_for_no_fetch() {
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
async fn a_request_that_may_go_no_further_is_answered_here() {
    let it = Proxied::open().await;
    it.plays(&[]);

    let here = it.send("OPTIONS", "/a", &[("max-forwards", "0")]).await;
    let trace = it.send("TRACE", "/a", &[("max-forwards", "0")]).await;
    let asked = it.origin.seen().len();
    it.send("OPTIONS", "/a", &[("max-forwards", "2")]).await;

    assert_eq!((here.status, here.header("allow").contains("GET")), (204, true));
    assert_eq!((trace.status, asked), (405, 0));
    assert_eq!(it.origin.seen()[0].header("max-forwards"), "1");
}

//! What is kept, for whom, and for how long.

use std::sync::atomic::Ordering;

use super::{Proxied, said};
use crate::stage::Reaction;

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
async fn a_field_that_must_not_be_kept_goes_to_the_one_who_asked() {
    let it = Proxied::open().await;
    let cookies = [("set-cookie", "a=1"), ("set-cookie", "b=2")];
    it.origin.plays("/a", move |seen| match seen.header("if-none-match") {
        "" => cookies.into_iter().fold(
            Reaction::new(
                200,
                &[("cache-control", "max-age=10, no-cache=\"Set-Cookie\""), ("etag", "\"1\"")],
                "a",
            ),
            |reaction, (name, value)| reaction.with(name, value),
        ),
        _ => Reaction::new(304, &[("etag", "\"1\""), ("set-cookie", "c=3")], ""),
    });
    let cookies_of = |reply: &crate::shop::ClientResponse| {
        let lines = reply.headers.get_all("set-cookie").iter();
        lines.map(|line| line.to_str().expect("text").to_owned()).collect::<Vec<_>>()
    };

    let first = it.get().await;
    let second = it.get().await;
    it.pass(11);
    let validated = it.get().await;
    let fourth = it.get().await;

    assert_eq!(cookies_of(&first), ["a=1", "b=2"], "{first:?}");
    assert_eq!(cookies_of(&validated), ["c=3"], "{validated:?}");
    for hit in [second, fourth] {
        assert!(hit.header("cache-status").contains("hit"), "{hit:?}");
        assert!(cookies_of(&hit).is_empty(), "{hit:?}");
    }
}

#[tokio::test]
async fn that_a_part_is_missing_is_not_kept_in_the_place_of_the_whole() {
    let it = Proxied::open().await;
    let head = [("cache-control", "max-age=60"), ("content-range", "bytes */10")];
    it.origin.plays("/a", move |_| Reaction::new(416, &head, ""));
    it.get_with(&[("range", "bytes=20-")]).await;
    it.get().await;
    it.plays(&[("cache-control", "max-age=60")]);

    let whole = it.get().await;
    let missing = it.get_with(&[("range", "bytes=20-")]).await;

    assert_eq!((whole.status, whole.text()), (200, "1"));
    assert_eq!((missing.status, missing.header("cache-control")), (416, "no-store"));
}

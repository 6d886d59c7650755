//! What a write does to what is kept.

use std::sync::Arc;

use super::{Proxied, said};
use crate::stage::Reaction;

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

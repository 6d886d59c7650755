//! Cached reads.

use std::sync::Arc;
use std::time::Duration;

use edge_native::Limits;

use crate::shop::Shop;
use crate::stage::{Origin, Reaction};

/// A path whose body says how often it was made.
fn counts(origin: &Arc<Origin>, path: &str, tags: &'static str) {
    let made = std::sync::atomic::AtomicU32::new(0);
    let weak = Arc::downgrade(origin);
    origin.plays(path, move |seen| {
        let n = made.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let origin = weak.upgrade().expect("the origin lives");
        let encoding = seen.header("accept-encoding").to_owned();
        let reaction = Reaction::public(&origin, tags, &format!("{n} {encoding}"))
            .with("etag", &format!("\"{n}-{encoding}\""));
        if encoding == "identity" { reaction } else { reaction.with("content-encoding", &encoding) }
    });
}

#[tokio::test]
async fn a_hit_says_how_old_it_is_and_how_long_it_lives() {
    let shop = Shop::open().await;
    counts(&shop.origin, "/products/mug", "catalog product:p");

    let first = shop.get("/products/mug").await;
    shop.world.passes(Duration::from_secs(7));
    let second = shop.get("/products/mug").await;

    assert_eq!(second.header("cache-status"), "shopping-edge; hit; ttl=593");
    assert_eq!((first.header("age"), second.header("age")), ("0", "7"));
    assert_eq!(second.header("content-length"), "10");
    assert!(second.headers.contains_key("date"));
}

#[tokio::test]
async fn the_largest_answer_that_is_taken_is_kept() {
    let shop = Shop::open().await;
    let body = "x".repeat(Limits::default().cached_body_max);
    let weak = Arc::downgrade(&shop.origin);
    shop.origin.plays("/products/mug", move |_| {
        Reaction::public(&weak.upgrade().expect("the origin lives"), "catalog product:p", &body)
    });

    shop.get("/products/mug").await;
    let second = shop.get("/products/mug").await;

    assert_eq!(second.header("cache-status"), "shopping-edge; hit; ttl=600");
    assert_eq!(second.body.len(), Limits::default().cached_body_max);
}

#[tokio::test]
async fn the_origin_is_asked_for_the_key_and_told_nothing_of_the_client_but_the_address() {
    let shop = Shop::open().await;
    counts(&shop.origin, "/products", "catalog products");
    let headers = [
        ("cookie", "session=1"),
        ("authorization", "Bearer x"),
        ("x-forwarded-host", "evil.example"),
        ("x-original-url", "/admin"),
        ("x-min-seq", "999"),
        ("x-edge-auth", "v1;a;1;n;m"),
        ("user-agent", "test"),
        ("accept-encoding", "gzip, br;q=0.1"),
    ];

    let reply = shop.get_with("/products?limit=13&utm=x&brand=b,%61", &headers).await;

    assert_eq!(reply.status, 200);
    let seen = &shop.origin.seen()[0];
    assert_eq!(seen.target, "/products?brand=a,b");
    assert!(seen.is_signed);
    let mut names: Vec<_> = seen.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    let own = ["x-client-addr", "x-edge-auth", "x-edge-encoding", "x-min-seq", "x-public-host"];
    assert_eq!(names[..3], ["accept-encoding", "host", "via"]);
    assert_eq!(names[3..], own);
    assert_eq!(seen.header("accept-encoding"), "gzip");
    assert_eq!(seen.header("x-edge-encoding"), "gzip");
    assert_eq!(seen.header("x-client-addr"), "127.0.0.1");
    assert_eq!(seen.header("x-public-host"), "shop.example");
    assert_eq!(seen.header("x-min-seq"), "0");
}

#[tokio::test]
async fn a_hundred_cold_reads_are_one_request_to_the_origin() {
    let shop = Arc::new(Shop::open().await);
    counts(&shop.origin, "/bestsellers", "catalog bestsellers");
    let held = shop.origin.gate.forget_permits(usize::MAX >> 3);
    assert!(held > 0);

    let readers: Vec<_> = (0..100)
        .map(|_| {
            let shop = Arc::clone(&shop);
            tokio::spawn(async move { shop.get("/bestsellers").await })
        })
        .collect();
    shop.until(|| shop.origin.seen().len() == 1).await;
    shop.origin.gate.add_permits(100);
    let mut collapsed = 0;
    for reader in readers {
        let reply = reader.await.unwrap();
        assert_eq!(reply.text(), "1 identity");
        collapsed += usize::from(reply.header("cache-status").contains("collapsed"));
    }

    assert_eq!(shop.origin.seen().len(), 1);
    assert!(collapsed > 0, "readers came while the answer was under way");
}

#[tokio::test]
async fn an_answer_without_an_entity_tag_gets_one() {
    let shop = Shop::open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/featured", move |_| Reaction::public(&origin, "catalog", "x"));

    let etag = shop.get("/featured").await.header("etag").to_owned();
    let same = shop.get_with("/featured", &[("if-none-match", &etag)]).await;

    assert_eq!(etag, edge_core::conditional::etag(b"x"));
    assert_eq!(same.status, 304);
    assert!(same.headers.contains_key("date"));
}

#[tokio::test]
async fn in_its_stale_window_an_answer_is_shown_and_refreshed_behind() {
    let shop = Shop::open().await;
    counts(&shop.origin, "/products/mug", "catalog");
    shop.get("/products/mug").await;
    shop.world.passes(Duration::from_secs(610));

    let stale = shop.get("/products/mug").await;
    shop.until(|| shop.origin.seen().len() == 2).await;

    assert_eq!(stale.text(), "1 identity");
    assert_eq!(stale.header("cache-status"), "shopping-edge; hit; ttl=-10; detail=revalidating");
    let mut fresh = shop.get("/products/mug").await;
    while fresh.text() == "1 identity" {
        fresh = shop.get("/products/mug").await;
    }
    assert_eq!(fresh.text(), "2 identity");
    assert_eq!(shop.origin.seen().len(), 2);
}

#[tokio::test]
async fn an_expired_answer_is_validated_with_its_entity_tag() {
    let shop = Shop::open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/products/mug", move |seen| {
        let reaction = Reaction::public(&origin, "catalog", "body").with("etag", "\"e\"");
        if seen.header("if-none-match") == "\"e\"" {
            return Reaction { body: "".into(), ..reaction }.status(304);
        }
        reaction
    });
    shop.get("/products/mug").await;
    shop.world.passes(Duration::from_secs(3_600));

    let validated = shop.get("/products/mug").await;
    let after = shop.get("/products/mug").await;

    assert_eq!((validated.status, validated.text()), (200, "body"));
    assert_eq!(
        validated.header("cache-status"),
        "shopping-edge; fwd=stale; fwd-status=304; stored"
    );
    assert_eq!(validated.header("age"), "0");
    assert!(after.is_hit());
    assert_eq!(shop.origin.seen().len(), 2);
}

#[tokio::test]
async fn a_missing_product_is_remembered_for_twenty_seconds() {
    let shop = Shop::open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/products/gone", move |_| {
        Reaction::public(&origin, "catalog slug:gone", "{}").status(404)
    });

    assert_eq!(shop.get("/products/gone").await.status, 404);
    assert!(shop.get("/products/gone").await.is_hit());
    shop.world.passes(Duration::from_secs(20));

    let later = shop.get("/products/gone").await;
    assert_eq!((later.status, later.is_hit()), (404, false));
    assert_eq!(shop.get_with("/products/gone", &[("if-none-match", "*")]).await.status, 404);
}

#[tokio::test]
async fn dots_and_backslashes_in_a_path_never_reach_the_origin() {
    let shop = Shop::open().await;

    // What no edge may forward is in the list of promises. These here the server in front of a
    // local Worker settles before the Worker is asked.
    for path in ["/products/../cart", "/products\\x", "/products/%2e%2e/cart", "/cart/../products"]
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

        let answer = shop.raw(request.as_bytes()).await;

        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(matches!(status, "404" | "400"), "{path}: {answer}");
        assert!(!answer.contains("shopping-edge; hit"), "{path}");
    }
    assert!(shop.origin.seen().is_empty(), "{:?}", shop.origin.seen());
}

#[tokio::test]
async fn a_cache_of_no_size_still_answers() {
    let shop = Shop::open_with(|settings| settings.capacity_bytes = 0).await;
    counts(&shop.origin, "/featured", "catalog");

    assert_eq!(shop.get("/featured").await.text(), "1 identity");
    assert_eq!(shop.get("/featured").await.status, 200);
}

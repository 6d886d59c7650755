//! Cached reads.

use std::sync::Arc;
use std::time::Duration;

use crate::shop::Shop;
use crate::stage::{Origin, Reaction};

/// Takes from a good answer what makes it one.
type Spoil = fn(Reaction) -> Reaction;

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
async fn the_second_read_is_a_hit_with_the_same_bytes() {
    let shop = Shop::open().await;
    counts(&shop.origin, "/products/mug", "catalog product:p");

    let first = shop.get("/products/mug").await;
    shop.world.passes(Duration::from_secs(7));
    let second = shop.get("/products/mug").await;

    assert_eq!((first.status, first.text()), (200, "1 identity"));
    assert_eq!(first.header("cache-status"), "shopping-edge; fwd=uri-miss; stored");
    assert_eq!(second.body, first.body);
    assert_eq!(second.header("cache-status"), "shopping-edge; hit; ttl=593");
    assert_eq!((first.header("age"), second.header("age")), ("0", "7"));
    assert_eq!(second.header("etag"), "\"1-identity\"");
    assert_eq!(second.header("vary"), "Accept-Encoding");
    assert_eq!(second.header("cache-control"), "public, max-age=0, must-revalidate");
    assert_eq!(second.header("content-length"), "10");
    assert!(second.headers.contains_key("date"));
    assert_eq!(shop.origin.seen().len(), 1);
}

#[tokio::test]
async fn the_origin_is_asked_for_the_key_and_told_nothing_of_the_client() {
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
    assert_eq!(names, ["accept-encoding", "host", "x-edge-auth", "x-min-seq", "x-public-host"]);
    assert_eq!(seen.header("accept-encoding"), "gzip");
    assert_eq!(seen.header("x-public-host"), "shop.example");
    assert_eq!(seen.header("x-min-seq"), "0");
}

#[tokio::test]
async fn what_the_origin_tells_the_edge_is_not_told_to_clients() {
    let shop = Shop::open().await;
    counts(&shop.origin, "/featured", "catalog featured");

    for _ in 0..2 {
        let reply = shop.get("/featured").await;

        for name in ["x-stamp", "x-tags", "x-min-seq", "cdn-cache-control", "set-cookie"] {
            assert!(!reply.headers.contains_key(name), "{name}");
        }
    }
}

#[tokio::test]
async fn each_encoding_is_an_entry_of_its_own() {
    let shop = Shop::open().await;
    counts(&shop.origin, "/categories", "catalog categories");
    let get = async |encoding| shop.get_with("/categories", &[("accept-encoding", encoding)]).await;

    let (br, gzip, plain) = (get("br, gzip").await, get("gzip").await, get("identity").await);

    assert_eq!((br.text(), br.header("content-encoding")), ("1 br", "br"));
    assert_eq!((gzip.text(), gzip.header("content-encoding")), ("2 gzip", "gzip"));
    assert_eq!((plain.text(), plain.header("content-encoding")), ("3 identity", ""));
    let again = get("deflate, br").await;
    assert!(again.is_hit());
    assert_eq!(again.text(), "1 br");
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
async fn a_head_has_the_headers_of_the_get_and_no_body() {
    let shop = Shop::open().await;
    counts(&shop.origin, "/products/mug", "catalog");

    let head = shop.send("HEAD", "/products/mug", &[], "").await;
    let get = shop.get("/products/mug").await;

    assert!(get.is_hit(), "the HEAD filled the cache");
    assert!(head.body.is_empty());
    for name in ["etag", "content-length", "content-type", "cache-control", "vary"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert_eq!(shop.origin.seen()[0].method, "GET");
}

#[tokio::test]
async fn a_client_that_has_the_bytes_is_told_so() {
    let shop = Shop::open().await;
    counts(&shop.origin, "/products/mug", "catalog");
    let etag = shop.get("/products/mug").await.header("etag").to_owned();

    let same =
        shop.get_with("/products/mug", &[("if-none-match", &format!("\"x\", W/{etag}"))]).await;
    let other = shop.get_with("/products/mug", &[("if-none-match", "\"x\"")]).await;

    assert_eq!((same.status, same.body.len()), (304, 0));
    for name in ["etag", "cache-control", "vary", "date", "age", "cache-status"] {
        assert!(same.headers.contains_key(name), "{name}");
    }
    assert!(!same.headers.contains_key("content-type"));
    assert_eq!(other.status, 200);
    assert_eq!(shop.origin.seen().len(), 1);
}

#[tokio::test]
async fn an_answer_without_an_entity_tag_gets_one() {
    let shop = Shop::open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/featured", move |_| Reaction::public(&origin, "catalog", "x"));

    let etag = shop.get("/featured").await.header("etag").to_owned();

    assert_eq!(etag, edge_core::conditional::etag(b"x"));
    assert_eq!(shop.get_with("/featured", &[("if-none-match", &etag)]).await.status, 304);
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
async fn what_is_not_public_or_sets_a_cookie_or_is_unstamped_is_not_kept() {
    let shop = Shop::open().await;
    let refused: [(&str, Spoil); 5] = [
        ("/products/private", |mut reaction| {
            let value = "private, no-store".parse().unwrap();
            reaction.response.headers_mut().insert("cache-control", value);
            reaction
        }),
        ("/products/cookie", |reaction| reaction.with("set-cookie", "session=1")),
        ("/products/vary", |reaction| reaction.with("vary", "Cookie")),
        ("/products/error", |reaction| reaction.status(500)),
        ("/products/unstamped", |mut reaction| {
            reaction.response.headers_mut().remove("x-stamp");
            reaction
        }),
    ];

    for (path, spoil) in refused {
        let origin = Arc::clone(&shop.origin);
        shop.origin.plays(path, move |_| spoil(Reaction::public(&origin, "catalog", "x")));
        let before = shop.origin.seen().len();

        for _ in 0..2 {
            let reply = shop.get(path).await;
            assert_eq!(reply.header("cache-status"), "shopping-edge; fwd=uri-miss", "{path}");
            assert!(!reply.headers.contains_key("set-cookie"), "{path}");
        }
        assert_eq!(shop.origin.seen().len() - before, 2, "{path}");
    }
}

#[tokio::test]
async fn a_refused_request_never_reaches_the_origin() {
    let shop = Shop::open().await;

    let bad = shop.get("/products?limit=0&price=x").await;
    let twice = shop.get("/search?q=a&q=b").await;
    let method = shop.send("POST", "/products", &[], "{}").await;

    assert_eq!(bad.status, 400);
    assert_eq!(bad.header("content-type"), "application/problem+json");
    assert_eq!(bad.header("cache-control"), "private, no-store");
    assert!(bad.text().contains(r#""pointer":"?limit""#) && bad.text().contains("?price"));
    assert!(twice.text().contains("duplicate_parameter"));
    assert_eq!((method.status, method.header("allow")), (405, "GET, HEAD"));
    assert!(shop.origin.seen().is_empty());
}

#[tokio::test]
async fn a_hostile_path_never_reaches_the_origin() {
    let shop = Shop::open().await;

    for path in [
        "/products/x.css",
        "/products/x;a=b",
        "/products/x%2f..%2fcart",
        "/products/..%2fcart",
        "/products/../cart",
        "/products//x",
        "//products",
        "/products/",
        "/products/x%00",
        "/products/x%0d%0aX:y",
        "/products\\x",
        "/products/%2e%2e/cart",
        "/featured/x.js",
        "/categories;x",
        "/cart/../products",
        "/internal/changes",
        "/internal",
        "/%69nternal/changes",
        "/INTERNAL/changes",
        "/x/../internal/changes",
        "//internal/changes",
        "/internal;x/changes",
        "/%2finternal/changes",
        "/x/..%2finternal/changes",
        "/.%2e/internal/changes",
    ] {
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

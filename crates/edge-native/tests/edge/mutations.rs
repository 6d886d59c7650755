//! Requests that are almost the one for a page: none changes what others are shown of it, none gets
//! anything past the key to the origin, and none breaks the edge. The inputs are those of the
//! literature on web cache poisoning, cache deception and request smuggling.

use std::sync::Arc;

use edge_core::Route;

use crate::inputs::{HEADERS, TARGETS};
use crate::shop::{ClientResponse, Shop};
use crate::stage::{Reaction, RecordedRequest};

const PAGE: &str = "/products?brand=acme";

const METHODS: &[&str] = &[
    "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PURGE", "PROPFIND",
    "get", "GETT", "G\u{e9}T", "BREW",
];

/// What follows the request line up to the end, bodies and all.
const RESTS: &[&str] = &[
    // Hosts.
    "Connection: close\r\n\r\n",
    "Host: evil.example\r\nConnection: close\r\n\r\n",
    "Host: shop.example\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "Host: shop.example, evil.example\r\nConnection: close\r\n\r\n",
    "Host: shop.example@evil.example\r\nConnection: close\r\n\r\n",
    "Host: shop.example/evil\r\nConnection: close\r\n\r\n",
    "Host: shop.example:evil\r\nConnection: close\r\n\r\n",
    "Host : shop.example\r\nConnection: close\r\n\r\n",
    "Host:\r\nConnection: close\r\n\r\n",
    "Host: \u{e9}vil\r\nConnection: close\r\n\r\n",
    // Bodies that a GET should not have.
    "Host: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\nbrand=evil",
    "Host: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
     Content-Length: 10\r\n\r\nbrand=evil",
    "Host: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\na\r\nbrand=evil\r\n0\r\n\r\n",
    "Host: x\r\nConnection: close\r\nContent-Length: 26\r\n\r\nGET /evil HTTP/1.1\r\nX: \r\n\r\n",
    // Lengths that contradict each other.
    "Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
     GET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
    "Host: x\r\nContent-Length: 0\r\nContent-Length: 36\r\n\r\n\
     GET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
    "Host: x\r\nContent-Length: 0, 36\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
    "Host: x\r\nContent-Length: +0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
    "Host: x\r\nContent-Length: -1\r\n\r\nevil",
    "Host: x\r\nContent-Length: 0x4\r\n\r\nevil",
    "Host: x\r\nContent-Length: 99999999999999999999\r\n\r\nevil",
    "Host: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
    "Host: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
    "Host: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: evil\r\n\r\n0\r\n\r\n",
    "Host: x\r\nTransfer-Encoding:\u{b}chunked\r\n\r\n0\r\n\r\n",
    "Host: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nevil\r\n0\r\n\r\n",
    "Host: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0;evil=\"\n\r\n\r\n",
    "Host: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Public-Host: evil\r\n\r\n",
    // Line ends.
    "Host: x\nConnection: close\nX-Evil: 1\n\n",
    "Host: x\r\nConnection: close\r\nX-A: 1\rX-Evil: 2\r\n\r\n",
    "Host: x\r\nConnection: close\r\nX-A\r\n\r\n",
    "Host: x\r\nConnection: close\r\n: evil\r\n\r\n",
];

/// The page shows whatever the origin is told beside its key.
fn shows_all_it_is_told(seen: &RecordedRequest) -> String {
    let own = ["x-edge-auth", "x-edge-refill", "x-min-seq", "if-none-match", "host"];
    let told = seen.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let mut told: Vec<_> = told.map(|(name, value)| format!("{name}: {value:?}")).collect();
    told.sort();

    format!("{} {}\n{}", seen.method, seen.target, told.join("\n"))
}

async fn open() -> Shop {
    let shop = Shop::open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/products", move |seen| {
        Reaction::public(&origin, "catalog products", &shows_all_it_is_told(seen))
    });

    shop
}

async fn mutations_leave_the_page_as_it_is(requests: Vec<Vec<u8>>) {
    let shop = open().await;
    let clean = shop.get(PAGE).await;
    assert_eq!(clean.status, 200);

    for request in requests {
        let what = String::from_utf8_lossy(&request).into_owned();

        let warm = shop.raw(&request).await;
        let kept = shop.get(PAGE).await;
        // And once where the mutation is the first to ask.
        shop.commits(&["products"], false).await;
        let cold = shop.raw(&request).await;
        let filled = shop.get(PAGE).await;

        for answer in [&warm, &cold] {
            let status = answer.split(' ').nth(1).unwrap_or("400");
            assert!(matches!(status.as_bytes()[0], b'2' | b'3' | b'4'), "{what}\n{answer}");
            assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{what}\n{answer}");
        }
        assert!(kept.is_hit(), "{what} took the page away: {kept:?}");
        is_the_same(&kept, &clean, &what);
        is_the_same(&filled, &clean, &what);
    }
    for seen in shop.origin.seen() {
        holds_nothing_but_the_key(&seen);
    }
}

fn is_the_same(reply: &ClientResponse, clean: &ClientResponse, what: &str) {
    assert_eq!((reply.status, reply.text()), (200, clean.text()), "{what}");
    for name in ["content-type", "etag", "vary", "cache-control", "content-encoding"] {
        assert_eq!(reply.header(name), clean.header(name), "{what}: {name}");
    }
    assert_eq!(reply.headers.len(), clean.headers.len(), "{what}: {:?}", reply.headers);
}

fn holds_nothing_but_the_key(seen: &RecordedRequest) {
    let own = [
        "accept-encoding",
        "host",
        "if-none-match",
        "via",
        "x-client-addr",
        "x-edge-auth",
        "x-edge-encoding",
        "x-edge-refill",
        "x-min-seq",
        "x-public-host",
    ];
    let strange = seen.headers.keys().find(|name| !own.contains(&name.as_str()));
    let canonical = match Route::of(&seen.method, &seen.target) {
        Ok(Route::Catalog(read)) => read.to_string(),
        // OPTIONS, and `/PRODUCTS`: the origin decides about them, and nothing of it is stored.
        Ok(Route::Pass) => return,
        other => panic!("{other:?} reached the origin: {seen:?}"),
    };

    assert_eq!(strange, None, "{seen:?}");
    assert_eq!((seen.method.as_str(), &seen.target), ("GET", &canonical));
    assert!(seen.is_signed && seen.body.is_empty(), "{seen:?}");
    assert_eq!(seen.header("x-client-addr"), "127.0.0.1");
    assert_eq!(seen.header("x-public-host"), "shop.example");
    assert!(seen.header("via").starts_with("1.1 shopping-"), "{seen:?}");
    assert_eq!(seen.headers.get_all("via").iter().count(), 1, "{seen:?}");
    assert!(seen.header("host").starts_with("127.0.0.1:"), "{seen:?}");
    assert_eq!(seen.header("accept-encoding"), "identity");
    assert_eq!(seen.header("x-edge-encoding"), "identity");
}

#[tokio::test]
async fn no_header_changes_the_page() {
    let of = |line: &&str| {
        format!("GET {PAGE} HTTP/1.1\r\nHost: shop.example\r\n{line}\r\nConnection: close\r\n\r\n")
    };

    mutations_leave_the_page_as_it_is(HEADERS.iter().map(of).map(String::into_bytes).collect())
        .await;
}

#[tokio::test]
async fn no_target_changes_the_page() {
    let of = |target: &&str| {
        format!("GET {target} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
    };

    mutations_leave_the_page_as_it_is(TARGETS.iter().map(of).map(String::into_bytes).collect())
        .await;
}

#[tokio::test]
async fn no_method_changes_the_page() {
    let of = |method: &&str| {
        format!("{method} {PAGE} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
    };

    mutations_leave_the_page_as_it_is(METHODS.iter().map(of).map(String::into_bytes).collect())
        .await;
}

#[tokio::test]
async fn no_host_body_or_framing_changes_the_page() {
    let of = |rest: &&str| format!("GET {PAGE} HTTP/1.1\r\n{rest}").into_bytes();
    // Older versions, and a client that names none.
    let versions = ["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "http/1.1", ""]
        .map(|version| format!("GET {PAGE} {version}\r\nHost: x\r\nConnection: close\r\n\r\n"));
    let huge = format!("GET {PAGE} HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(64 << 10));
    let many = format!("GET {PAGE} HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Evil: 1\r\n".repeat(500));
    let long = format!("GET {PAGE}&q={} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(64 << 10));
    let built = versions.into_iter().chain([huge, many, long]).map(String::into_bytes);

    mutations_leave_the_page_as_it_is(RESTS.iter().map(of).chain(built).collect()).await;
}

#[tokio::test]
async fn a_request_without_a_host_or_with_two_is_refused() {
    let shop = open().await;

    for rest in [
        "Connection: close\r\n\r\n",
        "Host: a\r\nHost: a\r\nConnection: close\r\n\r\n",
        "Host: a/b\r\nConnection: close\r\n\r\n",
    ] {
        for path in [PAGE, "/cart", "/edge/healthz", "/"] {
            let answer = shop.raw(format!("GET {path} HTTP/1.1\r\n{rest}").as_bytes()).await;

            assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
            assert!(answer.contains("invalid_header"), "{answer}");
        }
    }
    let old = shop.raw(format!("GET {PAGE} HTTP/1.0\r\n\r\n").as_bytes()).await;
    assert!(old.starts_with("HTTP/1.0 200"), "{old}");
    let star = shop.raw(b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(star.starts_with("HTTP/1.1 204"), "{star}");
    assert!(star.to_ascii_lowercase().contains("\r\nallow: get, head, post, "), "{star}");
    for method in ["GET", "POST"] {
        let asterisk = format!("{method} * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = shop.raw(asterisk.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
}

#[test]
fn there_are_more_than_forty() {
    assert!(HEADERS.len() + TARGETS.len() + METHODS.len() + RESTS.len() > 150);
}

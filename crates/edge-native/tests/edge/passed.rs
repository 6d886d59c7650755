//! What is never cached.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::shop::Shop;
use crate::stage::Reaction;

#[tokio::test]
async fn a_private_route_is_never_cached_even_if_the_origin_calls_it_public() {
    let shop = Shop::open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays("/cart", move |_| Reaction::public(&origin, "catalog", "mine"));

    for _ in 0..2 {
        let reply = shop.get("/cart").await;

        assert_eq!(reply.text(), "mine");
        assert_eq!(reply.header("cache-status"), "shopping-edge; fwd=bypass");
        assert!(!reply.headers.contains_key("x-stamp"));
        assert!(!reply.headers.contains_key("x-tags"));
    }
    assert_eq!(shop.origin.seen().len(), 2);
}

#[tokio::test]
async fn a_request_passes_whole_and_signed() {
    let shop = Shop::open().await;
    shop.origin.plays("/cart/items", |seen| {
        let body = String::from_utf8(seen.body.to_vec()).unwrap();
        Reaction::new(201, &[("set-cookie", "a=1"), ("set-cookie", "b=2")], &body)
    });
    let headers = [
        ("cookie", "cart=1"),
        ("authorization", "Bearer x"),
        ("idempotency-key", "k"),
        ("content-type", "application/json"),
    ];

    let reply = shop.send("POST", "/cart/items?x=%20a", &headers, r#"{"quantity":1}"#).await;

    assert_eq!((reply.status, reply.text()), (201, r#"{"quantity":1}"#));
    assert_eq!(reply.headers.get_all("set-cookie").iter().count(), 2);
    let seen = &shop.origin.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/cart/items?x=%20a"));
    for (name, value) in headers {
        assert_eq!(seen.header(name), value);
    }
    assert_eq!(seen.header("x-client-addr"), "127.0.0.1");
    assert_eq!(seen.header("x-public-host"), "shop.example");
    assert!(seen.is_signed);
}

#[tokio::test]
async fn what_only_the_edge_may_say_is_not_passed_on() {
    let shop = Shop::open().await;
    shop.origin.plays("/account", |_| Reaction::new(200, &[], "x"));
    let forged = [
        ("x-edge-auth", "forged"),
        ("x-edge-anything", "forged"),
        ("x-client-addr", "forged"),
        ("x-client-user", "forged"),
        ("x-forwarded-for", "forged"),
        ("x-forwarded-host", "forged"),
        ("x-forwarded-proto", "forged"),
        ("forwarded", "for=forged"),
        ("x-public-host", "forged"),
        ("x-min-seq", "forged"),
        ("x-stamp", "forged"),
        ("x-tags", "forged"),
        ("x-original-url", "forged"),
        ("x-http-method-override", "forged"),
        ("te", "forged"),
        ("connection", "x-hop, keep-alive"),
        ("x-hop", "forged"),
        ("keep-alive", "forged"),
        ("proxy-authorization", "forged"),
    ];

    shop.get_with("/account", &forged).await;

    let seen = &shop.origin.seen()[0];
    for (name, value) in &seen.headers {
        assert!(!value.to_str().unwrap().contains("forged"), "{name}: {value:?}");
    }
    assert!(seen.is_signed);
}

#[tokio::test]
async fn a_proxy_that_is_trusted_says_whose_request_it_is() {
    let shop = Shop::open_with(|settings| {
        settings.trusted_proxies = vec![[127, 0, 0, 1].into()];
    })
    .await;
    shop.origin.plays("/account", |_| Reaction::new(200, &[], "x"));

    shop.get_with("/account", &[("x-forwarded-for", "6.6.6.6, 192.0.2.9")]).await;

    assert_eq!(shop.origin.seen()[0].header("x-client-addr"), "192.0.2.9");
}

#[tokio::test]
async fn hop_by_hop_headers_of_the_origin_stay_behind() {
    let shop = Shop::open().await;
    shop.origin.plays("/cart", |_| {
        let headers = [("connection", "x-hop"), ("x-hop", "1"), ("cache-status", "origin; hit")];
        Reaction::new(200, &headers, "x")
    });

    let reply = shop.get("/cart").await;

    assert!(!reply.headers.contains_key("x-hop"));
    let statuses: Vec<_> = reply.headers.get_all("cache-status").iter().collect();
    assert_eq!(statuses, ["origin; hit", "shopping-edge; fwd=bypass"]);
}

#[tokio::test]
async fn a_head_and_a_304_of_the_origin_pass_as_they_are() {
    let shop = Shop::open().await;
    shop.origin.plays("/account", |seen| match seen.method.as_str() {
        "HEAD" => Reaction::new(200, &[("etag", "\"e\"")], "12345"),
        _ => Reaction::new(304, &[("etag", "\"e\"")], ""),
    });

    let head = shop.send("HEAD", "/account", &[], "").await;
    let unchanged = shop.get_with("/account", &[("if-none-match", "\"e\"")]).await;

    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "5", 0));
    assert_eq!((unchanged.status, unchanged.header("etag")), (304, "\"e\""));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_and_while_it_streams() {
    let shop = Shop::open_with(|settings| settings.limits.passed_body_max = 10).await;
    shop.origin.plays("/cart", |_| Reaction::new(200, &[], "x"));

    let declared = shop.send("POST", "/cart", &[], "01234567890").await;
    let streamed = shop
        .raw(
            b"POST /cart HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
              b\r\n01234567890\r\n0\r\n\r\n",
        )
        .await;

    assert_eq!(declared.status, 413);
    assert!(streamed.starts_with("HTTP/1.1 413"), "{streamed}");
    assert_eq!(shop.send("POST", "/cart", &[], "0123456789").await.status, 200);
}

#[tokio::test]
async fn of_a_length_and_chunks_only_the_chunks_reach_the_origin() {
    let shop = Shop::open().await;
    shop.origin.plays("/cart", |_| Reaction::new(200, &[], "x"));

    shop.raw(
        b"POST /cart HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\
          Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\n\r\n",
    )
    .await;

    for seen in shop.origin.seen() {
        assert!(!seen.headers.contains_key("content-length"));
        assert_eq!(&seen.body[..], b"01234");
    }
}

#[tokio::test]
async fn a_silent_origin_is_a_timeout() {
    let shop =
        Shop::open_with(|settings| settings.limits.silence_max = Duration::from_millis(100)).await;
    shop.origin.plays("/cart", |_| Reaction::new(200, &[], "x"));
    shop.origin.gate.forget_permits(usize::MAX >> 3);

    let reply = shop.get("/cart").await;

    assert_eq!(reply.status, 504);
    assert_eq!(reply.header("cache-control"), "private, no-store");
}

#[tokio::test]
async fn an_origin_that_is_down_is_a_problem() {
    let mut shop = Shop::open().await;
    shop.origin_goes_down().await;

    let reply = shop.get("/cart").await;

    assert_eq!(reply.status, 502);
    assert!(reply.text().contains("origin_unreachable"));
}

#[tokio::test]
async fn a_client_that_never_ends_its_request_is_given_up() {
    let shop =
        Shop::open_with(|settings| settings.limits.patience = Duration::from_millis(50)).await;

    let answer = shop.raw(b"GET /products HTTP/1.1\r\nHost: x\r\nX-Slow:").await;

    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let shop =
        Shop::open_with(|settings| settings.limits.patience = Duration::from_millis(50)).await;
    // More than the kernel takes for a client that does not read.
    let body = "x".repeat(32 << 20);
    shop.origin.plays("/cart", move |_| Reaction::new(200, &[], &body));
    let mut client = TcpStream::connect(shop.edge.addr).await.unwrap();
    client.write_all(b"GET /cart HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    shop.until(|| shop.origin.seen().len() == 1).await;

    shop.closes();

    // The drain alone would take ten seconds.
    timeout(Duration::from_secs(5), shop.edge.join).await.unwrap().unwrap();
    drop(client);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let shop = Shop::open().await;
    let mut request = b"GET /products HTTP/1.1\r\nHost: x\r\nX: ".to_vec();
    // As much as the edge reads, so that nothing unread turns its answer into a reset.
    request.resize(32 << 10, b'x');

    let answer = shop.raw(&request).await;

    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn the_edge_says_itself_that_it_is_well() {
    let mut shop = Shop::open().await;
    shop.origin_goes_down().await;

    let reply = shop.get("/edge/healthz").await;

    assert_eq!(reply.status, 200);
    assert!(reply.text().contains(r#""log":"L.0""#), "{}", reply.text());
}

#[tokio::test]
async fn private_answers_of_two_clients_are_never_mixed() {
    let shop = Arc::new(Shop::open().await);
    shop.origin.plays("/cart", |seen| Reaction::new(200, &[], seen.header("cookie")));

    let readers: Vec<_> = (0..20)
        .map(|n| {
            let shop = Arc::clone(&shop);
            tokio::spawn(async move {
                let cookie = format!("cart={n}");
                let reply = shop.get_with("/cart", &[("cookie", &cookie)]).await;
                (cookie, reply.text().to_owned())
            })
        })
        .collect();

    for reader in readers {
        let (sent, got) = reader.await.unwrap();
        assert_eq!(sent, got);
    }
}

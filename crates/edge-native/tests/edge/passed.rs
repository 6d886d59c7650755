//! What is never cached.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::shop::Shop;
use crate::stage::Reaction;

#[tokio::test]
async fn hop_by_hop_headers_of_the_client_stay_behind() {
    let shop = Shop::open().await;
    shop.origin.plays("/account", |_| Reaction::new(200, &[], "x"));
    let forged = [
        ("connection", "x-hop, keep-alive"),
        ("x-hop", "forged"),
        ("keep-alive", "forged"),
        ("x-forwarded-proto", "forged"),
    ];

    shop.get_with("/account", &forged).await;

    let seen = &shop.origin.seen()[0];
    for (name, value) in &seen.headers {
        assert!(!value.to_str().unwrap().contains("forged"), "{name}: {value:?}");
    }
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
async fn a_head_passes_with_the_length_of_what_it_is_about() {
    let shop = Shop::open().await;
    shop.origin.plays("/account", |_| Reaction::new(200, &[], "12345"));

    let head = shop.send("HEAD", "/account", &[], "").await;

    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "5", 0));
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
async fn a_client_that_never_ends_its_request_is_given_up() {
    let shop =
        Shop::open_with(|settings| settings.server.head_timeout = Duration::from_millis(50)).await;

    let answer = shop.raw(b"GET /products HTTP/1.1\r\nHost: x\r\nX-Slow:").await;

    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let shop =
        Shop::open_with(|settings| settings.server.idle_timeout = Duration::from_millis(50)).await;
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

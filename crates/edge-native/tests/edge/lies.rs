//! When the origin's answers are not what they say they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::liar::{Liar, Lie, good, stamped, with_head};
use crate::shop::{ClientResponse, Shop};
use crate::stage::Reaction;

const PAGE: &str = "/products/mug";

async fn open(liar: &Liar) -> Shop {
    let origin = format!("http://{}", liar.addr).parse().expect("a URI");

    Shop::open_with(|settings| {
        settings.origin = origin;
        settings.limits.fetch_within = Duration::from_millis(300);
    })
    .await
}

/// Answers that are no answers to what was asked.
fn lies() -> Vec<(&'static str, Lie)> {
    let says = |text: &str| Lie::SaysAndCloses(text.as_bytes().to_vec());
    let kept = |lines: &str, body: &str| with_head(&format!("x-stamp: L.0\r\n{lines}"), body);

    vec![
        ("hangs up", says("")),
        ("resets", Lie::Resets),
        ("keeps silent", Lie::KeepsSilent),
        ("speaks another language", says("220 mail.example ESMTP\r\n")),
        ("stops in its head", says("HTTP/1.1 200 OK\r\ncontent-le")),
        ("stops in its body", Lie::SaysAndCloses(kept("content-length: 10\r\n", "evil"))),
        ("stops in a chunk", {
            Lie::SaysAndCloses(kept("transfer-encoding: chunked\r\n", "a\r\nevil"))
        }),
        ("stops between chunks", {
            Lie::SaysAndCloses(kept("transfer-encoding: chunked\r\n", "4\r\nevil\r\n"))
        }),
        ("counts chunks in words", {
            Lie::SaysAndCloses(kept("transfer-encoding: chunked\r\n", "four\r\nevil\r\n0\r\n\r\n"))
        }),
        ("has two lengths", {
            Lie::SaysAndCloses(kept("content-length: 4\r\ncontent-length: 5\r\n", "evil!"))
        }),
        ("answers in an encoding that was not asked for", {
            Lie::Says(kept("content-encoding: br\r\ncontent-length: 4\r\n", "evil"))
        }),
        ("answers in an unknown encoding", {
            Lie::Says(kept("content-encoding: zstd\r\ncontent-length: 4\r\n", "evil"))
        }),
        ("answers in two encodings at once", {
            Lie::Says(kept("content-encoding: br, gzip\r\ncontent-length: 4\r\n", "evil"))
        }),
        ("answers a part", {
            let part = "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-3/9\r\n\
                        content-length: 4\r\n\r\nevil";
            says(part)
        }),
        ("calls nothing unchanged", says("HTTP/1.1 304 Not Modified\r\nx-stamp: L.0\r\n\r\n")),
        ("speaks another protocol", {
            says(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nevil",
            )
        }),
    ]
}

#[tokio::test]
async fn an_answer_that_is_none_is_neither_shown_nor_kept() {
    for (what, lie) in lies() {
        let liar = Liar::new().await;
        let shop = open(&liar).await;
        liar.tells(lie);

        let lied = shop.get(PAGE).await;
        liar.tells(Lie::Says(good("good")));
        let honest = shop.get(PAGE).await;

        assert!(matches!(lied.status, 502 | 504), "{what}: {lied:?}");
        assert_eq!(lied.header("cache-control"), "private, no-store", "{what}");
        assert!(!lied.text().contains("evil"), "{what}");
        assert_eq!((honest.status, honest.text(), honest.is_hit()), (200, "good", false), "{what}");
    }
}

#[tokio::test]
async fn a_stale_response_is_served_for_an_unusable_one() {
    for (what, lie) in lies() {
        let liar = Liar::new().await;
        let shop = open(&liar).await;
        shop.get(PAGE).await;
        shop.world.passes(Duration::from_secs(3_600));
        liar.tells(lie);

        let lied = shop.get(PAGE).await;

        assert_eq!((lied.status, lied.text()), (200, "good"), "{what}");
        assert!(lied.header("cache-status").ends_with("detail=stale-if-error"), "{what}: {lied:?}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_is_dead_costs_no_safe_request_its_answer() {
    let liar = Liar::new().await;
    let shop = open(&liar).await;
    liar.tells(Lie::SaysOnce(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()));

    for n in 0..10 {
        let reply = shop.get(&format!("/account/{n}")).await;

        assert_eq!((reply.status, reply.text()), (200, "ok"), "{n}");
    }
}

#[tokio::test]
async fn a_request_that_changes_something_is_sent_once_whatever_becomes_of_its_connection() {
    let liar = Liar::new().await;
    let shop = open(&liar).await;
    liar.tells(Lie::SaysOnce(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()));
    let mut statuses = Vec::new();

    for n in 0..10 {
        statuses.push(shop.send("POST", &format!("/cart/items?n={n}"), &[], "").await.status);
    }

    let asked = liar.asked();
    let sent = |n: usize| asked.iter().filter(|line| line.contains(&format!("?n={n} "))).count();
    assert!((0..10).all(|n| sent(n) == 1), "{asked:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 502)), "{statuses:?}");
    assert!(statuses.contains(&502), "no connection was used twice");
}

#[tokio::test]
async fn an_edge_whose_origin_is_itself_says_so_and_goes_on() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    let shop = Shop::open_without_log(|settings| {
        settings.listen = edge_native::Listen::On(listener);
        settings.origin = format!("http://{addr}").parse().expect("a URI");
    })
    .await;

    for (method, target) in [("GET", "/account"), ("POST", "/cart/items"), ("GET", PAGE)] {
        let reply = shop.send(method, target, &[], "").await;

        assert_eq!(reply.status, 508, "{method} {target}: {reply:?}");
        assert!(reply.text().contains("loop_detected"), "{}", reply.text());
    }
    assert_eq!(shop.get("/edge/healthz").await.status, 200);
}

#[tokio::test]
async fn bytes_beyond_the_length_of_a_response_answer_no_request() {
    let liar = Liar::new().await;
    let shop = open(&liar).await;
    let evil = String::from_utf8(good("evil")).expect("text");
    let split = [good("good"), evil.into_bytes()].concat();

    for n in 0..20 {
        liar.tells(Lie::Says(split.clone()));
        let first = shop.get(&format!("/products/a{n}")).await;
        liar.tells(Lie::Says(good("good")));
        let second = shop.get(&format!("/products/b{n}")).await;

        assert_eq!((first.status, first.text()), (200, "good"));
        assert_eq!((second.status, second.text()), (200, "good"));
    }
}

#[tokio::test]
async fn an_answer_of_unknown_length_is_shown_and_not_kept() {
    let liar = Liar::new().await;
    let shop = open(&liar).await;
    liar.tells(Lie::SaysAndCloses(with_head("x-stamp: L.0\r\n", "perhaps all")));

    for _ in 0..2 {
        let reply = shop.get(PAGE).await;

        assert_eq!((reply.status, reply.text(), reply.is_hit()), (200, "perhaps all", false));
    }
}

#[tokio::test]
async fn a_length_beside_a_transfer_coding_cuts_nothing_off() {
    let liar = Liar::new().await;
    let shop = open(&liar).await;
    let framings = "content-length: 1\r\ntransfer-encoding: chunked\r\nx-stamp: L.0\r\n";
    liar.tells(Lie::SaysAndCloses(with_head(framings, "4\r\ngood\r\n0\r\n\r\n")));

    for path in [PAGE, "/images/mug.svg"] {
        let reply = shop.get(path).await;

        assert_eq!((reply.status, reply.text()), (200, "good"), "{path}");
    }
}

#[tokio::test]
async fn a_protocol_that_was_not_asked_for_is_not_switched_to() {
    let liar = Liar::new().await;
    let shop = open(&liar).await;
    let switch = "HTTP/1.1 101 Switching Protocols\r\nupgrade: chat\r\nconnection: upgrade\r\n\r\n";
    liar.tells(Lie::SaysAndCloses(switch.as_bytes().to_vec()));

    for path in [PAGE, "/images/mug.svg"] {
        assert_eq!(shop.get(path).await.status, 502, "{path}");
    }
}

#[tokio::test]
async fn a_stamp_that_can_not_be_read_keeps_nothing() {
    for stamp in ["", "L", "L.", ".1", "L.-1", "L.1e3", "L.99999999999999999999", "a b.1", "L.1.x"]
    {
        let liar = Liar::new().await;
        let shop = open(&liar).await;
        liar.tells(Lie::Says(stamped(stamp, "good")));

        shop.get(PAGE).await;

        assert!(!shop.get(PAGE).await.is_hit(), "{stamp}");
    }
}

/// Plays a page whose stamp is a lie, and whose body counts what was committed.
fn plays_stamped(shop: &Shop, stamp: impl Fn(u64) -> String + Send + Sync + 'static) {
    let origin = Arc::clone(&shop.origin);

    shop.origin.plays(PAGE, move |_| {
        let head = origin.stamp().seq.0;
        Reaction::stamped(&stamp(head), "catalog product:p", &head.to_string())
    });
}

#[tokio::test]
async fn a_stamp_from_the_future_hides_no_row() {
    let shop = Shop::open().await;
    let ahead = Arc::new(AtomicU64::new(1_000));
    let by = Arc::clone(&ahead);
    plays_stamped(&shop, move |head| format!("L.{}", head + by.load(Ordering::SeqCst)));
    shop.get(PAGE).await;
    assert!(shop.get(PAGE).await.is_hit());

    shop.commits(&["product:p"], false).await;
    let changed = shop.get(PAGE).await;
    shop.commits(&["product:p"], true).await;
    let again = shop.get(PAGE).await;

    assert_eq!((changed.text(), changed.is_hit()), ("1", false));
    assert_eq!((again.text(), again.is_hit()), ("2", false));
    // And once the origin tells the truth, that is kept.
    ahead.store(0, Ordering::SeqCst);
    shop.commits(&["product:p"], false).await;
    assert_eq!(shop.get(PAGE).await.text(), "3");
    assert!(shop.get(PAGE).await.is_hit());
}

#[tokio::test]
async fn an_answer_from_another_log_is_shown_once_and_not_kept() {
    let shop = Shop::open().await;
    plays_stamped(&shop, |head| format!("M.{head}"));

    for _ in 0..2 {
        let reply = shop.get(PAGE).await;

        assert_eq!((reply.status, reply.text()), (200, "0"));
        let status = "shopping-edge; fwd=uri-miss; detail=log-unavailable";
        assert_eq!(reply.header("cache-status"), status);
    }
}

#[tokio::test]
async fn an_answer_from_another_log_takes_the_place_of_none() {
    let shop = Shop::open().await;
    plays_stamped(&shop, |head| format!("L.{head}"));
    shop.get(PAGE).await;

    plays_stamped(&shop, |_| "M.7".to_owned());
    let kept = shop.get(PAGE).await;
    shop.commits(&["product:p"], false).await;
    let foreign = shop.get(PAGE).await;
    plays_stamped(&shop, |head| format!("L.{head}"));
    let own: ClientResponse = shop.get(PAGE).await;

    assert!(kept.is_hit());
    assert!(!foreign.is_hit() && !own.is_hit());
    assert!(shop.get(PAGE).await.is_hit());
}

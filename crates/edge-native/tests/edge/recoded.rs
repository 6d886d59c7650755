//! A proxy between edge and origin: whatever it does with encodings, shoppers read the page, and
//! the page is kept.

use std::sync::Arc;
use std::time::Duration;

use domain::policy::EDGE_CACHE_CONTROL;
use edge_core::Encoding;

use crate::shop::{ClientResponse, Shop};
use crate::stage::Reaction;
use crate::stage::recoder::{Proxy, Recoding, Tag, honest, packed, unpacked};

const PAGE: &str = "/products/mug";
const PLAIN: &str = "{\"name\":\"a mug, and a mug, and a mug, and a mug, and a mug\"}";
const TAGS: [Tag; 3] = [Tag::Keeps, Tag::Weakens, Tag::Drops];

async fn open_behind(proxy: Proxy) -> Shop {
    let shop = Shop::open().await;
    let origin = Arc::downgrade(&shop.origin);
    shop.origin.plays(PAGE, move |seen| {
        let origin = origin.upgrade().expect("the origin lives");
        honest(&origin, seen, "catalog product:p", PLAIN)
    });
    shop.origin.stands_behind(proxy);
    shop
}

async fn read(shop: &Shop, encoding: Encoding) -> ClientResponse {
    shop.get_with(PAGE, &[("accept-encoding", encoding.as_str())]).await
}

fn encoding_of(reply: &ClientResponse) -> Encoding {
    Encoding::of_content(Some(reply.header("content-encoding"))).expect("one that we know")
}

fn is_the_page(reply: &ClientResponse) -> bool {
    reply.status == 200 && unpacked(encoding_of(reply), &reply.body) == PLAIN.as_bytes()
}

#[tokio::test]
async fn the_encoding_that_an_edge_wants_survives_a_proxy_that_rewrites_accept_encoding() {
    let shop = open_behind(Proxy::REWRITES).await;

    for encoding in Encoding::ALL {
        let first = read(&shop, encoding).await;
        let second = read(&shop, encoding).await;

        assert!(is_the_page(&first), "{encoding:?}: {first:?}");
        assert_eq!(encoding_of(&first), encoding);
        assert!(first.header("etag").starts_with('"'), "{first:?}");
        assert!(second.is_hit() && second.body == first.body, "{encoding:?}: {second:?}");
    }
    let seen = shop.origin.seen();
    assert!(seen.iter().all(|seen| seen.header("accept-encoding") == "gzip, br"), "{seen:?}");
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn an_answer_that_was_decoded_or_encoded_on_the_way_is_read_and_kept() {
    let recodings = [Recoding::Decodes].into_iter().chain(Encoding::ALL.map(Recoding::Encodes));

    for (body, tag) in recodings.flat_map(|body| TAGS.map(|tag| (body, tag))) {
        let shop = open_behind(Proxy { body, tag }).await;

        for encoding in Encoding::ALL {
            let what = format!("{body:?} {tag:?} {encoding:?}");
            let first = read(&shop, encoding).await;
            let second = read(&shop, encoding).await;
            let known =
                [("accept-encoding", encoding.as_str()), ("if-none-match", first.header("etag"))];
            let unchanged = shop.get_with(PAGE, &known).await;

            assert!(is_the_page(&first), "{what}: {first:?}");
            assert!([encoding, Encoding::Identity].contains(&encoding_of(&first)), "{what}");
            assert_eq!(first.header("content-length"), first.body.len().to_string(), "{what}");
            let told = "public, max-age=0, must-revalidate";
            assert_eq!(first.header("cache-control"), told, "{what}");
            assert!(second.is_hit() && second.body == first.body, "{what}: {second:?}");
            assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{what}");
        }
        assert_eq!(shop.origin.seen().len(), 3, "one question for each encoding");
    }
}

#[tokio::test]
async fn what_the_edge_has_unpacked_has_a_weak_tag_that_the_origin_knows() {
    for tag in [Tag::Keeps, Tag::Weakens] {
        let shop = open_behind(Proxy { body: Recoding::Encodes(Encoding::Gzip), tag }).await;

        for encoding in [Encoding::Brotli, Encoding::Identity] {
            let first = read(&shop, encoding).await;
            shop.world.passes(Duration::from_secs(3_600));
            let validated = read(&shop, encoding).await;

            assert!(first.header("etag").starts_with("W/\""), "{first:?}");
            let status = "shopping-edge; fwd=stale; fwd-status=304; stored";
            assert_eq!(validated.header("cache-status"), status, "{tag:?} {encoding:?}");
            assert!(is_the_page(&validated), "{validated:?}");
        }
    }
}

#[tokio::test]
async fn the_change_log_is_read_through_a_proxy_that_encodes_it() {
    for encoding in [Encoding::Gzip, Encoding::Brotli] {
        let proxy = Proxy { body: Recoding::Encodes(encoding), tag: Tag::Weakens };
        let shop = open_behind(proxy).await;
        read(&shop, Encoding::Identity).await;

        shop.commits(&["product:p"], false).await;
        let changed = read(&shop, Encoding::Identity).await;

        let status = "shopping-edge; fwd=miss; fwd-status=304; stored";
        assert_eq!(changed.header("cache-status"), status);
    }
}

#[tokio::test]
async fn an_error_that_was_encoded_on_the_way_is_shown_plain() {
    let shop =
        open_behind(Proxy { body: Recoding::Encodes(Encoding::Brotli), tag: Tag::Weakens }).await;
    shop.origin.plays(PAGE, |_| {
        let head =
            [("cache-control", "private, no-store"), ("content-type", "application/problem+json")];
        Reaction::new(503, &head, "{\"status\":503}")
    });

    let reply = read(&shop, Encoding::Gzip).await;

    assert_eq!((reply.status, reply.text()), (503, "{\"status\":503}"));
    assert_eq!(reply.header("content-encoding"), "");
    assert_eq!(reply.header("cache-control"), "private, no-store");
}

#[tokio::test]
async fn for_an_encoding_that_the_edge_can_not_undo_plain_bytes_are_asked_for() {
    let shop = Shop::open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays(PAGE, move |seen| {
        let answer = honest(&origin, seen, "catalog product:p", PLAIN);
        match seen.header("x-edge-encoding") {
            "identity" => answer,
            _ => {
                let mut answer = answer;
                let strange = "br, gzip".parse().expect("a value");
                answer.response.headers_mut().insert("content-encoding", strange);
                Reaction { body: packed(Encoding::Gzip, &answer.body), ..answer }
            }
        }
    });

    for encoding in [Encoding::Brotli, Encoding::Gzip] {
        let first = read(&shop, encoding).await;
        let second = read(&shop, encoding).await;

        assert_eq!((first.status, first.text()), (200, PLAIN), "{encoding:?}");
        assert_eq!(first.header("content-encoding"), "");
        assert!(second.is_hit(), "{encoding:?}: {second:?}");
    }
    let seen = shop.origin.seen();
    let asked: Vec<_> = seen.iter().map(|seen| seen.header("x-edge-encoding")).collect();
    assert_eq!(asked, ["br", "identity", "gzip", "identity"]);
}

#[tokio::test]
async fn what_only_proxies_are_told_is_told_to_no_browser() {
    let shop = Shop::open().await;
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays(PAGE, move |seen| {
        let answer = honest(&origin, seen, "catalog product:p", PLAIN);
        assert_eq!(answer.response.headers()["cache-control"], EDGE_CACHE_CONTROL);
        // It is shown and not kept.
        answer.with("vary", "Cookie")
    });

    let reply = read(&shop, Encoding::Identity).await;

    assert!(!read(&shop, Encoding::Identity).await.is_hit());
    assert_eq!(reply.header("cache-control"), "public, max-age=0, must-revalidate");
}

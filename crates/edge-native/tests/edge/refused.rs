//! When the origin refuses: whose request it was, and what is shown in its place.

use std::sync::Arc;
use std::time::Duration;

use edge_native::EdgeSettings;

use crate::shop::{ClientResponse, Shop};
use crate::stage::{Reaction, RecordedRequest};

const PAGE: &str = "/products/mug";
const GREEDY: &str = "192.0.2.66";
const PATIENT: &str = "192.0.2.9";

/// A proxy of ours stands before the edge: the tests' client.
async fn open() -> Shop {
    Shop::open_with(|settings: &mut EdgeSettings| {
        settings.trusted_proxies = vec![[127, 0, 0, 1].into()];
    })
    .await
}

/// The origin refuses one address, and answers the others with the log's position.
fn refuses(shop: &Shop, address: &'static str) {
    let origin = Arc::clone(&shop.origin);
    shop.origin.plays(PAGE, move |seen: &RecordedRequest| {
        if seen.header("x-client-addr") == address {
            return refusal();
        }
        Reaction::public(&origin, "catalog product:p", &origin.stamp().seq.to_string())
    });
}

fn refusal() -> Reaction {
    let headers = [
        ("content-type", "application/problem+json"),
        ("cache-control", "private, no-store"),
        ("retry-after", "7"),
        ("ratelimit", "\"public-share\";r=0;t=7"),
        ("ratelimit-policy", "\"public-share\";q=100;w=60, \"public\";q=1000;w=60"),
    ];

    Reaction::new(429, &headers, r#"{"code":"rate_limited"}"#)
}

async fn get_for(shop: &Shop, address: &str) -> ClientResponse {
    shop.get_with(PAGE, &[("x-forwarded-for", address)]).await
}

#[tokio::test]
async fn the_origin_is_told_for_whom_it_is_asked() {
    let shop = open().await;
    refuses(&shop, "no address");

    get_for(&shop, "6.6.6.6, [2001:db8::1]:443").await;

    let seen = &shop.origin.seen()[0];
    assert_eq!((seen.header("x-client-addr"), seen.is_signed), ("2001:db8::1", true));
    assert!(!seen.headers.contains_key("x-edge-refill"), "nothing was held");
}

#[tokio::test]
async fn a_request_that_waits_for_a_refused_one_fetches_for_itself() {
    let shop = open().await;
    refuses(&shop, GREEDY);
    shop.origin.gate.forget_permits(usize::MAX >> 3);

    let leads = get_for(&shop, GREEDY);
    let joins = async {
        shop.until(|| shop.origin.seen().len() == 1).await;
        let joins = get_for(&shop, PATIENT);
        let opens = async {
            // While these were answered it has joined; if not, it fetches for itself anyway.
            for _ in 0..20 {
                shop.get("/edge/healthz").await;
            }
            shop.origin.gate.add_permits(100);
        };
        tokio::join!(joins, opens).0
    };
    let (refused, answered) = tokio::join!(leads, joins);

    assert_eq!(refused.status, 429);
    assert_eq!((answered.status, answered.text()), (200, "0"));
    assert!(get_for(&shop, GREEDY).await.is_hit(), "it is stored for all clients");
}

#[tokio::test]
async fn a_refusal_leaves_in_use_what_is_merely_old_and_asks_again_at_once() {
    let shop = open().await;
    refuses(&shop, GREEDY);
    get_for(&shop, PATIENT).await;
    shop.world.passes(Duration::from_secs(3_600));

    let stale = get_for(&shop, GREEDY).await;
    let fresh = get_for(&shop, PATIENT).await;

    assert_eq!((stale.status, stale.text()), (200, "0"));
    let status = "shopping-edge; fwd=stale; fwd-status=429; detail=stale-if-error";
    assert_eq!(stale.header("cache-status"), status);
    let status = "shopping-edge; fwd=stale; stored";
    assert_eq!(fresh.header("cache-status"), status, "a refused request keeps no other waiting");
}

#[tokio::test]
async fn a_refusal_never_shows_what_the_log_called_invalid() {
    let shop = open().await;
    refuses(&shop, GREEDY);
    get_for(&shop, PATIENT).await;
    shop.commits(&["product:p"], false).await;

    let refused = get_for(&shop, GREEDY).await;
    let fresh = get_for(&shop, PATIENT).await;

    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("cache-status"), "shopping-edge; fwd=miss");
    assert_eq!(refused.header("retry-after"), "7");
    assert_eq!(refused.header("ratelimit"), "\"public-share\";r=0;t=7");
    assert!(refused.header("ratelimit-policy").contains("\"public\";q=1000;w=60"));
    assert_eq!(refused.header("cache-control"), "private, no-store");
    assert_eq!((fresh.status, fresh.text()), (200, "1"));
}

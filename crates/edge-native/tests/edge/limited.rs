//! How often one shopper may read, and what does not raise that limit.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::limits::{Limit, LimitClass};
use edge_native::EdgeSettings;
use embedded::MemoryLimiter;
use limits::RateLimit;
use ports::{Ask, JointDecision, Limiter, PortError, PortErrorKind, Window};

use crate::shop::{ClientResponse, Shop};
use crate::stage::Reaction;

const PAGE: &str = "/products/mug";

fn gate(requests: u32, limiter: Arc<dyn Limiter>) -> Arc<RateLimit> {
    let limit = Limit { requests, window: Duration::from_secs(60) };

    Arc::new(RateLimit::new(LimitClass::Read, limit, Arc::clone(&limiter), limiter))
}

/// In front of it, an edge whose shoppers may read so often in a minute.
async fn limited(requests: u32, adjust: impl FnOnce(&mut EdgeSettings)) -> Shop {
    let shop = Shop::open_with(|settings| {
        let memory = MemoryLimiter::new(Arc::clone(&settings.world), 1 << 20);
        settings.read_gate = Some(gate(requests, Arc::new(memory)));
        adjust(settings);
    })
    .await;
    let weak = Arc::downgrade(&shop.origin);
    shop.origin.plays(PAGE, move |_| {
        let origin = weak.upgrade().expect("the origin lives");
        Reaction::public(&origin, "catalog product:p", "a mug").with("etag", "\"m\"")
    });
    shop
}

/// A proxy of ours stands before the edge: the tests' client.
fn behind_a_proxy(settings: &mut EdgeSettings) {
    settings.trusted_proxies = vec![[127, 0, 0, 1].into()];
}

async fn forwarded_for(shop: &Shop, address: &str) -> ClientResponse {
    shop.get_with(PAGE, &[("x-forwarded-for", address)]).await
}

#[tokio::test]
async fn every_cached_answer_says_the_policy_and_what_remains() {
    let shop = limited(10, |_| {}).await;

    let miss = shop.get(PAGE).await;
    shop.world.passes(Duration::from_secs(7));
    let hit = shop.get(PAGE).await;
    let unchanged = shop.get_with(PAGE, &[("if-none-match", "\"m\"")]).await;
    let missing = shop.get("/products/none").await;

    assert!(hit.is_hit());
    assert_eq!(unchanged.status, 304);
    for (answer, state) in [
        (&miss, "\"read\";r=9;t=60"),
        (&hit, "\"read\";r=8;t=53"),
        (&unchanged, "\"read\";r=7;t=53"),
        (&missing, "\"read\";r=6;t=53"),
    ] {
        assert_eq!(answer.header("ratelimit-policy"), "\"read\";q=10;w=60");
        assert_eq!(answer.header("ratelimit"), state);
        assert_eq!(answer.header("retry-after"), "");
    }
}

#[tokio::test]
async fn a_refusal_is_a_problem_that_says_when_to_come_back_and_is_true() {
    let shop = limited(1, |_| {}).await;
    shop.get(PAGE).await;
    shop.world.passes(Duration::from_secs(20));

    let refused = shop.get(PAGE).await;

    assert_eq!((refused.status, refused.header("retry-after")), (429, "40"));
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert_eq!(refused.header("cache-control"), "private, no-store");
    assert_eq!(refused.header("ratelimit-policy"), "\"read\";q=1;w=60");
    assert_eq!(refused.header("ratelimit"), "\"read\";r=0;t=40");
    let problem: serde_json::Value = serde_json::from_slice(&refused.body).expect("JSON");
    assert_eq!(problem["code"], "rate_limited");
    assert_eq!(problem["violated-policies"], serde_json::json!(["read"]));
    assert!(problem["request_id"].is_string());
    shop.world.passes(Duration::from_secs(40));
    assert_eq!(shop.get(PAGE).await.status, 200);
}

#[tokio::test]
async fn of_64_callers_at_once_exactly_the_limit_is_answered() {
    let shop = Arc::new(limited(100, |_| {}).await);
    let callers = (0..64).map(|_| {
        let shop = Arc::clone(&shop);
        tokio::spawn(async move {
            let mut statuses = Vec::new();
            for _ in 0..4 {
                statuses.push(shop.get(PAGE).await.status);
            }
            statuses
        })
    });

    let mut statuses = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        statuses.extend(caller.await.expect("no panic"));
    }

    assert_eq!(statuses.len(), 256);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 100);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 156);
}

#[tokio::test]
async fn a_made_up_address_or_cookie_buys_nothing() {
    let shop = limited(2, |_| {}).await;
    shop.get(PAGE).await;
    shop.get(PAGE).await;

    for headers in [
        [("x-forwarded-for", "198.51.100.1"), ("cookie", "a=b")],
        [("forwarded", "for=198.51.100.2"), ("x-real-ip", "198.51.100.2")],
        [("cookie", "session=customer; __Host-session=v1.customer.mac"), ("via", "1.1 x")],
        [("x-client-addr", "198.51.100.3"), ("x-client-user", "customer")],
        [("authorization", "Bearer customer"), ("cf-connecting-ip", "198.51.100.4")],
        [("x-catalog-token", "1.2.mac"), ("user-agent", "another")],
    ] {
        assert_eq!(shop.get_with(PAGE, &headers).await.status, 429, "{headers:?}");
    }
}

#[tokio::test]
async fn a_client_of_a_trusted_proxy_can_not_choose_its_address_either() {
    let shop = limited(2, behind_a_proxy).await;
    let mut statuses = Vec::new();

    for n in 0..5 {
        // The address that the client sent itself, and the one that the proxy added.
        let said = format!("198.51.100.{n}, 192.0.2.9");
        statuses.push(forwarded_for(&shop, &said).await.status);
    }

    assert_eq!(statuses, [200, 200, 429, 429, 429]);
    assert_eq!(forwarded_for(&shop, "192.0.2.10").await.status, 200, "another client");
}

#[tokio::test]
async fn a_thousand_addresses_of_one_line_buy_nothing() {
    let shop = limited(10, behind_a_proxy).await;
    let mut answered = 0;

    for n in 0..1_000 {
        let address = format!("2001:db8:1:2:{n:x}::{n:x}");
        answered += u32::from(forwarded_for(&shop, &address).await.status == 200);
    }

    assert_eq!(answered, 10);
    assert_eq!(forwarded_for(&shop, "2001:db8:1:3::1").await.status, 200, "another line");
}

#[tokio::test]
async fn health_and_what_is_passed_on_are_not_limited() {
    let shop = limited(1, |_| {}).await;
    shop.origin.plays("/cart", |_| Reaction::new(200, &[], "{}"));
    shop.get(PAGE).await;
    assert_eq!(shop.get(PAGE).await.status, 429);

    for path in ["/edge/healthz", "/cart"] {
        let answer = shop.get(path).await;

        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("ratelimit-policy"), "", "{path}");
    }
}

#[tokio::test]
async fn an_edge_without_a_limit_counts_nothing() {
    let shop = limited(1, |settings| settings.read_gate = None).await;

    for _ in 0..5 {
        let answer = shop.get(PAGE).await;

        assert_eq!((answer.status, answer.header("ratelimit-policy")), (200, ""));
    }
}

#[tokio::test]
async fn two_edges_that_count_in_one_place_share_one_limit() {
    let place: Arc<dyn Limiter> =
        Arc::new(MemoryLimiter::new(Arc::new(embedded::SystemWorld), 1 << 20));
    let with = |settings: &mut EdgeSettings| settings.read_gate = Some(gate(6, Arc::clone(&place)));
    let (one, other) = (limited(0, with).await, limited(0, with).await);
    let mut statuses = Vec::new();

    for _ in 0..4 {
        statuses.push(one.get(PAGE).await.status);
        statuses.push(other.get(PAGE).await.status);
    }

    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 429, 429]);
}

#[tokio::test]
async fn an_origin_that_refuses_is_covered_by_an_answer_that_is_merely_old_and_else_heard() {
    let shop = limited(10, |_| {}).await;
    shop.get(PAGE).await;
    shop.world.passes(Duration::from_secs(3_600));
    for path in [PAGE, "/products/jug"] {
        shop.origin.plays(path, |_| {
            let headers = [
                ("content-type", "application/problem+json"),
                ("retry-after", "7"),
                ("ratelimit-policy", "\"public\";q=1000;w=60"),
            ];
            Reaction::new(429, &headers, r#"{"code":"rate_limited"}"#)
        });
    }

    let covered = shop.get(PAGE).await;
    let heard = shop.get("/products/jug").await;

    assert_eq!((covered.status, covered.text()), (200, "a mug"));
    let status = "shopping-edge; fwd=stale; fwd-status=429; detail=stale-if-error";
    assert_eq!(covered.header("cache-status"), status);
    assert_eq!((heard.status, heard.header("retry-after")), (429, "7"));
    assert_eq!(heard.header("ratelimit-policy"), "\"public\";q=1000;w=60");
}

struct Down;

#[async_trait]
impl Limiter for Down {
    fn window(&self) -> Window {
        Window::Sliding
    }

    async fn take_all(&self, _: &[Ask]) -> Result<JointDecision, PortError> {
        Err(PortError::new(PortErrorKind::Unavailable, "count"))
    }
}

#[tokio::test]
async fn while_the_limiter_is_down_reads_are_answered_without_a_remainder() {
    let shop = limited(0, |settings| settings.read_gate = Some(gate(1, Arc::new(Down)))).await;

    for _ in 0..3 {
        let answer = shop.get(PAGE).await;

        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), "\"read\";q=1;w=60");
        assert_eq!(answer.header("ratelimit"), "");
    }
}

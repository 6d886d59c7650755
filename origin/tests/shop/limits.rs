//! Limits of the public API and of each admin.

use std::sync::Arc;
use std::time::Duration;

use ::limits::RateLimits;
use domain::access::Role;
use domain::limits::{Limit, LimitClass, Share};
use embedded::{MemoryLimiter, SystemWorld};
use origin::{Access, Caching, routes};
use ports::Limiter;
use serde_json::json;

use crate::world::World;

fn rate_limits(class: LimitClass, requests: u32) -> RateLimits {
    rate_limits_of(&[(class, requests)], None)
}

fn rate_limits_of(limits: &[(LimitClass, u32)], share: Option<Share>) -> RateLimits {
    let limiter: Arc<dyn Limiter> = Arc::new(MemoryLimiter::new(Arc::new(SystemWorld), 1 << 20));
    let window = Duration::from_secs(3_600);
    let limit = |class| {
        let known = limits.iter().find(|(one, _)| *one == class);
        known.map(|(_, requests)| Limit { requests: *requests, window })
    };

    RateLimits::with_share(limit, share, &limiter, &limiter)
}

#[test]
fn cached_reads_count_in_total_admin_calls_count_by_admin_and_nothing_else_counts() {
    for route in routes() {
        let expected = match (route.access, route.caching) {
            (Access::Admin(_), _) => Some(LimitClass::Admin),
            (Access::Anyone, Caching::Shared(_)) => Some(LimitClass::Public),
            _ => None,
        };

        assert_eq!(route.limit, expected, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn public_reads_of_all_addresses_are_counted_together() {
    let world = World::limited(rate_limits(LimitClass::Public, 3)).await;

    let first = world.get("/categories").await.expect(200);
    world.get_as_edge("/featured").await.expect(200);
    world.get_with("/products", &[("x-forwarded-for", "192.0.2.7")]).await.expect(200);
    let refused = world.get_as_edge("/categories").await;

    assert_eq!(first.header("ratelimit-policy"), "\"public\";q=3;w=3600");
    assert_eq!(first.header("ratelimit"), "\"public\";r=2;t=3600");
    let problem = refused.problem(429, "rate_limited");
    assert_eq!(problem["violated-policies"], json!(["public"]));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 3_600);
    world.get("/healthz").await.expect(200);
    world.get("/readyz").await.expect(200);
    world.get("/metrics").await.expect(200);
}

#[tokio::test]
async fn each_admin_key_has_a_limit_of_its_own_and_what_it_may_not_do_counts_too() {
    let world = World::limited(rate_limits(LimitClass::Admin, 2)).await;
    let clerk = world.key(Role::Orders).await;
    let bearer = format!("Bearer {clerk}");
    let by_clerk = [("authorization", bearer.as_str())];

    world.get_with("/admin/products", &by_clerk).await.expect(200);
    world.get_with("/admin/audit", &by_clerk).await;
    let refused = world.get_with("/admin/products", &by_clerk).await;

    refused.problem(429, "rate_limited");
    assert_eq!(refused.header("ratelimit-policy"), "\"admin\";q=2;w=3600");
    let other = world.call("GET", "/admin/products", &[], serde_json::Value::Null).await;
    assert_eq!(other.expect(200).header("ratelimit"), "\"admin\";r=1;t=3600");
    world.get("/admin/products").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn without_limits_nothing_is_counted_or_announced() {
    let world = World::new().await;

    for _ in 0..5 {
        let answer = world.get("/categories").await.expect(200);

        assert!(!answer.headers.contains_key("ratelimit-policy"));
    }
}

#[tokio::test]
async fn a_shopper_is_counted_under_the_address_that_the_edge_has_signed() {
    let share = Share::of_percent(50);
    let world = World::limited(rate_limits_of(&[(LimitClass::Public, 4)], share)).await;

    world.get_for("192.0.2.1", "/categories", &[]).await.expect(200);
    world.get_for("192.0.2.1", "/featured", &[]).await.expect(200);
    let refused = world.get_for("192.0.2.1", "/featured", &[]).await;
    let other = world.get_for("[2001:db8:1:2::1]:443", "/featured", &[]).await;
    let line = world.get_for("2001:db8:1:2::ffff", "/featured", &[]).await;

    let problem = refused.problem(429, "rate_limited");
    assert_eq!(problem["violated-policies"], json!(["public-share"]));
    assert_eq!(refused.header("ratelimit"), "\"public-share\";r=0;t=3600");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 3_600);
    let remaining = "\"public-share\";r=1;t=3600, \"public\";r=1;t=3600";
    assert_eq!(other.expect(200).header("ratelimit"), remaining, "what is refused counts nowhere");
    let remaining = "\"public-share\";r=0;t=3600, \"public\";r=0;t=3600";
    assert_eq!(line.expect(200).header("ratelimit"), remaining, "one line is one shopper");
    let total = world.get_for("192.0.2.9", "/featured", &[]).await.problem(429, "rate_limited");
    assert_eq!(total["violated-policies"], json!(["public"]));
}

#[tokio::test]
async fn an_address_without_a_signature_is_ignored() {
    let share = Share::of_percent(50);
    let world = World::limited(rate_limits_of(&[(LimitClass::Public, 2)], share)).await;

    for forged in ["192.0.2.7", "192.0.2.8"] {
        let headers = [("x-client-addr", forged), ("x-edge-auth", "v1;forged")];
        world.get_with("/categories", &headers).await.expect(200);
    }

    let total = world.get("/categories").await.problem(429, "rate_limited");
    assert_eq!(total["violated-policies"], json!(["public"]));
}

#[tokio::test]
async fn refills_have_a_budget_of_their_own_and_count_like_other_reads_beyond_it() {
    let limits = [(LimitClass::Public, 2), (LimitClass::Refill, 2)];
    let world = World::limited(rate_limits_of(&limits, None)).await;
    let shopper = "192.0.2.1";
    world.get_for(shopper, "/categories", &[]).await.expect(200);
    world.get_for(shopper, "/categories", &[]).await.expect(200);
    world.get_for(shopper, "/categories", &[]).await.problem(429, "rate_limited");

    let first = world.refill_for(shopper, "/categories").await.expect(200);
    world.refill_for(shopper, "/featured").await.expect(200);
    let beyond = world.refill_for(shopper, "/featured").await;

    assert_eq!(first.header("ratelimit"), "\"refill\";r=1;t=3600");
    let problem = beyond.problem(429, "rate_limited");
    assert_eq!(problem["violated-policies"], json!(["public"]));
}

#[tokio::test]
async fn only_an_edge_can_declare_a_read_a_refill() {
    let limits = [(LimitClass::Public, 1), (LimitClass::Refill, 100)];
    let world = World::limited(rate_limits_of(&limits, None)).await;
    world.get("/categories").await.expect(200);

    let forged = [("x-edge-refill", "1")];
    world.get_with("/categories", &forged).await.problem(429, "rate_limited");
    world.get_for("192.0.2.1", "/categories", &forged).await.problem(429, "rate_limited");
}

#[tokio::test]
async fn wrong_keys_are_counted_by_address_and_do_not_lock_out_an_admin_whose_key_was_right() {
    let world = World::limited(rate_limits(LimitClass::AuthFailure, 3)).await;
    let newcomer = world.key(Role::Owner).await;
    let by = async |key: &str| {
        let bearer = format!("Bearer {key}");
        world.get_with("/admin/products", &[("authorization", bearer.as_str())]).await
    };
    let owner = world.call("GET", "/admin/products", &[], serde_json::Value::Null);
    owner.await.expect(200);

    for guess in 0..3 {
        by(&format!("adm_{guess}.guess")).await.problem(401, "unauthorized");
    }
    let refused = by("adm_3.guess").await;

    let problem = refused.problem(429, "rate_limited");
    assert_eq!(problem["violated-policies"], json!(["auth-failure"]));
    assert_eq!(refused.header("ratelimit"), "\"auth-failure\";r=0;t=3600");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 3_600);
    let owner = world.call("GET", "/admin/products", &[], serde_json::Value::Null);
    owner.await.expect(200);
    // A right key that was not seen before is not even checked.
    by(&newcomer).await.problem(429, "rate_limited");
    world.get("/admin/products").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn right_keys_are_never_counted_as_wrong_ones() {
    let world = World::limited(rate_limits(LimitClass::AuthFailure, 1)).await;

    for _ in 0..5 {
        let owner = world.call("GET", "/admin/products", &[], serde_json::Value::Null);
        owner.await.expect(200);
    }
}

//! How often the public API and each admin may be asked.

use std::sync::Arc;
use std::time::Duration;

use ::limits::Gates;
use domain::access::Role;
use domain::limits::{Limit, LimitClass};
use embedded::{MemoryLimiter, SystemWorld};
use origin::routes::{Access, Keep, ROUTES};
use ports::Limiter;
use serde_json::json;

use crate::world::World;

fn gates(class: LimitClass, requests: u32) -> Gates {
    let limiter: Arc<dyn Limiter> = Arc::new(MemoryLimiter::new(Arc::new(SystemWorld), 1 << 20));
    let limit = Limit { requests, window: Duration::from_secs(3_600) };

    Gates::new(|one| (one == class).then_some(limit), &limiter, &limiter)
}

#[test]
fn what_caches_may_keep_counts_in_total_what_admins_do_counts_for_each_and_nothing_else_counts() {
    for route in ROUTES {
        let expected = match (route.access, route.keep) {
            (Access::Admin(_), _) => Some(LimitClass::Admin),
            (Access::Anyone, Keep::Shared(_)) => Some(LimitClass::Public),
            _ => None,
        };

        assert_eq!(route.limit, expected, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn public_reads_are_counted_together_from_wherever_they_come() {
    let world = World::limited(gates(LimitClass::Public, 3)).await;

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
    let world = World::limited(gates(LimitClass::Admin, 2)).await;
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
async fn without_limits_nothing_is_counted_or_said() {
    let world = World::new().await;

    for _ in 0..5 {
        let answer = world.get("/categories").await.expect(200);

        assert!(!answer.headers.contains_key("ratelimit-policy"));
    }
}

//! What a rate limit does with its limiter's decisions, and without them.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::limits::{Limit, LimitClass, Share, Subject};
use embedded::{MemoryLimiter, SystemWorld};
use http::HeaderMap;
use limits::{Admission, RateLimit};
use ports::{Ask, JointDecision, Limiter, PortError, PortErrorKind, Window};

/// A store that can be switched off.
struct Store {
    is_up: AtomicBool,
    limiter: MemoryLimiter,
}

#[async_trait]
impl Limiter for Store {
    fn window(&self) -> Window {
        Window::Sliding
    }

    async fn take_all(&self, asks: &[Ask]) -> Result<JointDecision, PortError> {
        if !self.is_up.load(Ordering::SeqCst) {
            return Err(PortError::new(PortErrorKind::Unavailable, "count"));
        }
        self.limiter.take_all(asks).await
    }
}

fn memory() -> MemoryLimiter {
    MemoryLimiter::new(Arc::new(SystemWorld), 1 << 20)
}

fn rate_limit(class: LimitClass, requests: u32) -> (RateLimit, Arc<Store>) {
    let store = Arc::new(Store { is_up: AtomicBool::new(true), limiter: memory() });
    let limit = Limit { requests, window: Duration::from_secs(3_600) };

    (RateLimit::new(class, limit, store.clone(), Arc::new(memory())), store)
}

async fn admit(limit: &RateLimit) -> Admission {
    limit.admit(Subject::Everybody).await
}

#[tokio::test]
async fn a_response_has_the_policy_and_the_remaining_requests() {
    let (limit, _) = rate_limit(LimitClass::Read, 300);
    let mut headers = HeaderMap::new();

    limit.set_headers(&mut headers, &admit(&limit).await);

    assert_eq!(headers["ratelimit-policy"], "\"read\";q=300;w=3600");
    assert_eq!(headers["ratelimit"], "\"read\";r=299;t=3600");
    assert!(!headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_refusal_names_its_policy_and_when_to_retry() {
    let (limit, _) = rate_limit(LimitClass::Admin, 1);
    admit(&limit).await;

    let Admission::Refused(decision) = admit(&limit).await else { panic!("it is not refused") };
    let mut headers = HeaderMap::new();
    limit.set_headers(&mut headers, &Admission::Refused(decision));
    let problem = limit.problem(&decision);

    assert_eq!(headers["retry-after"], "3600");
    assert_eq!(headers["ratelimit"], "\"admin\";r=0;t=3600");
    assert_eq!((problem.status, &*problem.code), (429, "rate_limited"));
    assert_eq!(problem.violated_policies, ["admin"]);
}

#[tokio::test]
async fn while_the_store_is_down_reads_are_admitted_without_a_remainder() {
    let (limit, store) = rate_limit(LimitClass::Read, 1);
    store.is_up.store(false, Ordering::SeqCst);

    for _ in 0..5 {
        assert_eq!(admit(&limit).await, Admission::Allowed(None));
    }
    let mut headers = HeaderMap::new();
    limit.set_headers(&mut headers, &Admission::Allowed(None));

    assert!(headers.contains_key("ratelimit-policy") && !headers.contains_key("ratelimit"));
}

#[tokio::test]
async fn while_the_store_is_down_admins_are_counted_by_the_process_itself() {
    let (limit, store) = rate_limit(LimitClass::Admin, 2);
    store.is_up.store(false, Ordering::SeqCst);

    assert!(matches!(admit(&limit).await, Admission::Allowed(Some(_))));
    assert!(matches!(admit(&limit).await, Admission::Allowed(Some(_))));
    assert!(matches!(admit(&limit).await, Admission::Refused(_)));

    store.is_up.store(true, Ordering::SeqCst);
    assert!(
        matches!(admit(&limit).await, Admission::Allowed(Some(_))),
        "the store has its own count"
    );
}

fn address(last: u8) -> Subject {
    Subject::address([192, 0, 2, last].into())
}

fn shared(requests: u32, percent: u8) -> RateLimit {
    let (limit, _) = rate_limit(LimitClass::Public, requests);

    limit.with_share(Share::of_percent(percent))
}

#[tokio::test]
async fn an_address_gets_at_most_its_share_and_all_addresses_at_most_the_total() {
    let limit = shared(10, 30);
    let mut allowed = [0; 5];

    for _ in 0..10 {
        for (number, allowed) in allowed.iter_mut().enumerate() {
            *allowed += u32::from(!limit.admit(address(number as u8)).await.is_refused());
        }
    }

    assert_eq!(allowed, [2; 5], "each got an equal part");
    let limit = shared(10, 30);
    for _ in 0..9 {
        limit.admit(address(1)).await;
    }
    assert!(matches!(limit.admit(address(1)).await, Admission::RefusedShare(_)));
    let Admission::AllowedWithin { share, total } = limit.admit(address(2)).await else {
        panic!("other addresses have requests left")
    };
    assert_eq!((share.remaining, total.remaining), (2, 6));
}

#[tokio::test]
async fn a_refusal_names_the_share_or_the_total_depending_on_which_refused() {
    let limit = shared(4, 25);
    let mut headers = HeaderMap::new();

    limit.set_headers(&mut headers, &limit.admit(address(1)).await);
    assert_eq!(headers["ratelimit-policy"], "\"public-share\";q=1;w=3600, \"public\";q=4;w=3600");
    assert_eq!(headers["ratelimit"], "\"public-share\";r=0;t=3600, \"public\";r=3;t=3600");

    let Admission::RefusedShare(decision) = limit.admit(address(1)).await else {
        panic!("it is not refused")
    };
    limit.set_headers(&mut headers, &Admission::RefusedShare(decision));
    assert_eq!(headers["ratelimit"], "\"public-share\";r=0;t=3600");
    assert_eq!(headers["retry-after"], "3600");
    let problem = limit.share_problem(&decision);
    assert_eq!(problem.violated_policies, ["public-share"]);
    assert!(problem.detail.contains("more than 1 requests"), "{}", problem.detail);

    for other in 2..5 {
        assert!(!limit.admit(address(other)).await.is_refused(), "{other}");
    }
    assert!(matches!(limit.admit(address(5)).await, Admission::Refused(_)), "the total");
    assert!(matches!(limit.admit(Subject::Everybody).await, Admission::Refused(_)));
}

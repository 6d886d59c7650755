//! What a gate does with a limiter's decisions, and without them.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::limits::{Limit, LimitClass, Share, Subject};
use embedded::{MemoryLimiter, SystemWorld};
use http::HeaderMap;
use limits::{Admission, Gate};
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

fn gate(class: LimitClass, requests: u32) -> (Gate, Arc<Store>) {
    let store = Arc::new(Store { is_up: AtomicBool::new(true), limiter: memory() });
    let limit = Limit { requests, window: Duration::from_secs(3_600) };

    (Gate::new(class, limit, store.clone(), Arc::new(memory())), store)
}

async fn admit(gate: &Gate) -> Admission {
    gate.admit(Subject::Everybody).await
}

#[tokio::test]
async fn an_answer_says_the_policy_and_what_remains() {
    let (gate, _) = gate(LimitClass::Read, 300);
    let mut headers = HeaderMap::new();

    gate.mark(&mut headers, &admit(&gate).await);

    assert_eq!(headers["ratelimit-policy"], "\"read\";q=300;w=3600");
    assert_eq!(headers["ratelimit"], "\"read\";r=299;t=3600");
    assert!(!headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_refusal_says_which_policy_it_keeps_and_when_to_come_back() {
    let (gate, _) = gate(LimitClass::Admin, 1);
    admit(&gate).await;

    let Admission::Refused(decision) = admit(&gate).await else { panic!("it is refused") };
    let mut headers = HeaderMap::new();
    gate.mark(&mut headers, &Admission::Refused(decision));
    let problem = gate.problem(&decision);

    assert_eq!(headers["retry-after"], "3600");
    assert_eq!(headers["ratelimit"], "\"admin\";r=0;t=3600");
    assert_eq!((problem.status, &*problem.code), (429, "rate_limited"));
    assert_eq!(problem.violated_policies, ["admin"]);
}

#[tokio::test]
async fn while_nobody_counts_reads_are_let_in_and_nothing_is_said_of_a_remainder() {
    let (gate, store) = gate(LimitClass::Read, 1);
    store.is_up.store(false, Ordering::SeqCst);

    for _ in 0..5 {
        assert_eq!(admit(&gate).await, Admission::Allowed(None));
    }
    let mut headers = HeaderMap::new();
    gate.mark(&mut headers, &Admission::Allowed(None));

    assert!(headers.contains_key("ratelimit-policy") && !headers.contains_key("ratelimit"));
}

#[tokio::test]
async fn while_nobody_counts_admins_are_counted_by_the_process_itself() {
    let (gate, store) = gate(LimitClass::Admin, 2);
    store.is_up.store(false, Ordering::SeqCst);

    assert!(matches!(admit(&gate).await, Admission::Allowed(Some(_))));
    assert!(matches!(admit(&gate).await, Admission::Allowed(Some(_))));
    assert!(matches!(admit(&gate).await, Admission::Refused(_)));

    store.is_up.store(true, Ordering::SeqCst);
    assert!(matches!(admit(&gate).await, Admission::Allowed(Some(_))), "the store has its own");
}

fn address(last: u8) -> Subject {
    Subject::address([192, 0, 2, last].into())
}

fn shared(requests: u32, percent: u8) -> Gate {
    let (gate, _) = gate(LimitClass::Public, requests);

    gate.with_share(Share::of_percent(percent))
}

#[tokio::test]
async fn no_address_takes_more_than_its_share_and_all_together_no_more_than_the_total() {
    let gate = shared(10, 30);
    let mut allowed = [0; 5];

    for _ in 0..10 {
        for (who, allowed) in allowed.iter_mut().enumerate() {
            *allowed += u32::from(!gate.admit(address(who as u8)).await.is_refused());
        }
    }

    assert_eq!(allowed, [2; 5], "each took its turn");
    let gate = shared(10, 30);
    for _ in 0..9 {
        gate.admit(address(1)).await;
    }
    assert!(matches!(gate.admit(address(1)).await, Admission::RefusedShare(_)));
    let Admission::AllowedWithin { share, total } = gate.admit(address(2)).await else {
        panic!("there is room for others")
    };
    assert_eq!((share.remaining, total.remaining), (2, 6));
}

#[tokio::test]
async fn a_refusal_names_the_share_or_the_total_whichever_refuses() {
    let gate = shared(4, 25);
    let mut headers = HeaderMap::new();

    gate.mark(&mut headers, &gate.admit(address(1)).await);
    assert_eq!(headers["ratelimit-policy"], "\"public-share\";q=1;w=3600, \"public\";q=4;w=3600");
    assert_eq!(headers["ratelimit"], "\"public-share\";r=0;t=3600, \"public\";r=3;t=3600");

    let Admission::RefusedShare(decision) = gate.admit(address(1)).await else { panic!("spent") };
    gate.mark(&mut headers, &Admission::RefusedShare(decision));
    assert_eq!(headers["ratelimit"], "\"public-share\";r=0;t=3600");
    assert_eq!(headers["retry-after"], "3600");
    let problem = gate.share_problem(&decision);
    assert_eq!(problem.violated_policies, ["public-share"]);
    assert!(problem.detail.contains("more than 1 requests"), "{}", problem.detail);

    for other in 2..5 {
        assert!(!gate.admit(address(other)).await.is_refused(), "{other}");
    }
    assert!(matches!(gate.admit(address(5)).await, Admission::Refused(_)), "the total");
    assert!(matches!(gate.admit(Subject::Everybody).await, Admission::Refused(_)));
}

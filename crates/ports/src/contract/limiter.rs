//! The facts of the Limiter port. Each runs on counters of its own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::limits::{Limit, LimitClass, Subject};
use tokio::task::JoinSet;

use crate::{Ask, Decision, JointDecision, Limiter, Window};

/// An adapter, and the clock that it counts by.
#[async_trait]
pub trait Counters: Send + Sync + 'static {
    /// A limiter with a connection of its own; all of them count together.
    async fn connect(&self) -> Arc<dyn Limiter>;

    /// Returns when so much time has gone by on the clock that counts.
    async fn pass(&self, time: Duration);
}

type Fixture = Arc<dyn Counters>;

const CALLERS: u32 = 64;
/// So long that no window of it ends while a fact runs.
const LONG: Duration = Duration::from_secs(3_600);
/// Long against the time that a few requests take, short enough to be waited for.
const SHORT: Duration = Duration::from_secs(4);

fn ask(class: LimitClass, subject: u8, requests: u32, window: Duration) -> Ask {
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, subject));

    Ask { class, subject: Subject::address(address), limit: Limit { requests, window } }
}

fn read(subject: u8, requests: u32, window: Duration) -> Ask {
    ask(LimitClass::Read, subject, requests, window)
}

async fn take(limiter: &Arc<dyn Limiter>, ask: &Ask) -> Decision {
    limiter.take(ask).await.expect("it can be asked")
}

fn total(requests: u32, window: Duration) -> Ask {
    Ask { subject: Subject::Everybody, ..read(0, requests, window) }
}

async fn take_all(limiter: &Arc<dyn Limiter>, asks: &[Ask]) -> JointDecision {
    limiter.take_all(asks).await.expect("it can be asked")
}

/// How many of a subject's requests count. Counts one more.
async fn taken(limiter: &Arc<dyn Limiter>, ask: Ask) -> u32 {
    let limit = Limit { requests: 1_000, ..ask.limit };

    limit.requests - take(limiter, &Ask { limit, ..ask }).await.remaining - 1
}

/// How many requests of all callers are allowed. Each asks `times`, within its share and the total.
async fn allowed_together(counters: &Fixture, times: u32, asks: impl Fn(u32) -> [Ask; 2]) -> usize {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (limiter, asks) = (counters.connect().await, asks(caller));
        callers.spawn(async move {
            let mut allowed = 0;
            for _ in 0..times {
                allowed += usize::from(take_all(&limiter, &asks).await.is_allowed());
            }
            allowed
        });
    }

    callers.join_all().await.into_iter().sum()
}

/// The decisions of all callers, each of which asks `times` on a connection of its own.
async fn together(counters: &Fixture, ask: Ask, times: u32) -> Vec<Decision> {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let limiter = counters.connect().await;
        callers.spawn(async move {
            let mut decisions = Vec::new();
            for _ in 0..times {
                decisions.push(take(&limiter, &ask).await);
            }
            decisions
        });
    }

    callers.join_all().await.into_iter().flatten().collect()
}

fn remainders(decisions: &[Decision]) -> Vec<u32> {
    let allowed = decisions.iter().filter(|decision| decision.is_allowed);
    let mut remainders: Vec<u32> = allowed.map(|decision| decision.remaining).collect();
    remainders.sort_unstable_by(|left, right| right.cmp(left));
    remainders
}

pub async fn of_64_callers_at_once_exactly_the_limit_is_allowed(counters: Fixture) {
    let decisions = together(&counters, read(1, 100, LONG), 4).await;

    assert_eq!(decisions.len(), 256);
    assert_eq!(decisions.iter().filter(|decision| decision.is_allowed).count(), 100);
}

pub async fn what_remains_counts_down_to_nothing(counters: Fixture) {
    let limiter = counters.connect().await;
    let mut remaining = Vec::new();

    for _ in 0..10 {
        remaining.push(take(&limiter, &read(1, 10, LONG)).await.remaining);
    }

    assert_eq!(remaining, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    let refused = take(&limiter, &read(1, 10, LONG)).await;
    assert_eq!((refused.is_allowed, refused.remaining), (false, 0));
}

pub async fn no_two_of_64_callers_are_told_the_same_remainder(counters: Fixture) {
    let decisions = together(&counters, read(1, 10, LONG), 1).await;

    assert_eq!(remainders(&decisions), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
}

pub async fn subjects_are_counted_apart(counters: Fixture) {
    let limiter = counters.connect().await;
    assert!(take(&limiter, &read(1, 1, LONG)).await.is_allowed);
    assert!(!take(&limiter, &read(1, 1, LONG)).await.is_allowed);

    let other = take(&limiter, &read(2, 1, LONG)).await;
    let everybody = Ask { subject: Subject::Everybody, ..read(1, 1, LONG) };

    assert!(other.is_allowed);
    assert!(take(&limiter, &everybody).await.is_allowed);
}

pub async fn classes_are_counted_apart(counters: Fixture) {
    let limiter = counters.connect().await;

    for class in LimitClass::ALL {
        assert!(take(&limiter, &ask(class, 1, 1, LONG)).await.is_allowed, "{class:?}");
    }

    assert!(!take(&limiter, &read(1, 1, LONG)).await.is_allowed);
}

pub async fn a_caller_that_waits_as_long_as_a_refusal_says_is_allowed(counters: Fixture) {
    let limiter = counters.connect().await;
    let ask = read(1, 1, SHORT);
    assert!(take(&limiter, &ask).await.is_allowed);

    let refused = take(&limiter, &ask).await;
    assert!(!refused.is_allowed);
    assert!(refused.reset_after > Duration::ZERO && refused.reset_after <= SHORT, "{refused:?}");
    counters.pass(refused.reset_after).await;

    assert!(take(&limiter, &ask).await.is_allowed);
}

pub async fn a_window_slides_or_begins_anew_as_the_adapter_declares(counters: Fixture) {
    let limiter = counters.connect().await;
    let ask = read(1, 3, SHORT);
    // Of a fixed window, the beginning.
    let first = take(&limiter, &ask).await;
    if limiter.window() == Window::Fixed {
        counters.pass(first.reset_after).await;
        take(&limiter, &ask).await;
    }
    counters.pass(SHORT / 4).await;
    take(&limiter, &ask).await;
    take(&limiter, &ask).await;

    let refused = take(&limiter, &ask).await;
    assert!(!refused.is_allowed);
    assert!(refused.reset_after <= SHORT * 3 / 4, "{refused:?}");
    counters.pass(refused.reset_after).await;
    let again = take(&limiter, &ask).await;

    let given_back = match limiter.window() {
        Window::Sliding => 1,
        Window::Fixed => 3,
    };
    assert!(again.is_allowed);
    assert_eq!(again.remaining, given_back - 1);
}

pub async fn what_was_refused_is_not_counted(counters: Fixture) {
    let limiter = counters.connect().await;
    let ask = read(1, 2, SHORT);
    take(&limiter, &ask).await;
    take(&limiter, &ask).await;

    for _ in 0..20 {
        assert!(!take(&limiter, &ask).await.is_allowed);
    }
    counters.pass(SHORT).await;

    assert_eq!(take(&limiter, &ask).await.remaining, 1);
}

pub async fn a_lower_limit_counts_what_was_taken_under_a_higher_one(counters: Fixture) {
    let limiter = counters.connect().await;
    for _ in 0..5 {
        take(&limiter, &read(1, 10, LONG)).await;
    }

    let lower = take(&limiter, &read(1, 3, LONG)).await;

    assert!(!lower.is_allowed);
    assert!(lower.reset_after <= LONG);
    assert_eq!(take(&limiter, &read(1, 10, LONG)).await.remaining, 4);
}

pub async fn an_allowed_request_hears_when_there_will_be_more(counters: Fixture) {
    let limiter = counters.connect().await;

    let first = take(&limiter, &read(1, 10, SHORT)).await;

    assert!(first.reset_after > Duration::ZERO && first.reset_after <= SHORT, "{first:?}");
}

pub async fn what_two_limits_allow_counts_in_both(counters: Fixture) {
    let limiter = counters.connect().await;
    let asks = [read(1, 10, LONG), total(100, LONG)];

    take_all(&limiter, &asks).await;
    let JointDecision::Allowed(second) = take_all(&limiter, &asks).await else {
        panic!("both have room")
    };

    let remaining: Vec<u32> = second.iter().map(|decision| decision.remaining).collect();
    assert_eq!(remaining, [8, 98]);
    assert_eq!(taken(&limiter, asks[0]).await, 2);
    assert_eq!(taken(&limiter, asks[1]).await, 2);
}

pub async fn what_one_of_two_limits_refuses_counts_in_neither(counters: Fixture) {
    let limiter = counters.connect().await;
    let by_share = [read(1, 2, LONG), total(100, LONG)];
    let by_total = [read(2, 100, LONG), total(3, LONG)];
    for _ in 0..2 {
        assert!(take_all(&limiter, &by_share).await.is_allowed());
    }
    assert!(take_all(&limiter, &by_total).await.is_allowed());

    for _ in 0..5 {
        let share = take_all(&limiter, &by_share).await;
        assert!(matches!(share, JointDecision::Refused { by: 0, .. }), "{share:?}");
        let total = take_all(&limiter, &by_total).await;
        assert!(matches!(total, JointDecision::Refused { by: 1, .. }), "{total:?}");
    }

    assert_eq!(taken(&limiter, by_share[0]).await, 2);
    assert_eq!(taken(&limiter, by_total[0]).await, 1);
    assert_eq!(taken(&limiter, by_share[1]).await, 3);
}

pub async fn of_64_callers_with_shares_exactly_the_total_is_allowed(counters: Fixture) {
    // Sixteen subjects of four callers each.
    let subject = |caller: u32| (caller % 16) as u8;
    let asks = |caller| [read(subject(caller), 10, LONG), total(100, LONG)];

    let allowed = allowed_together(&counters, 4, asks).await;

    assert_eq!(allowed, 100);
    let limiter = counters.connect().await;
    let mut counted = 0;
    for one in 0..16 {
        let share = taken(&limiter, read(one, 10, LONG)).await;
        assert!(share <= 10, "{share} of {one}");
        counted += share;
    }
    assert_eq!(counted, 100, "what the total refused counts in no share");
}

pub async fn of_64_callers_of_one_share_exactly_the_share_is_allowed_and_counted_in_total(
    counters: Fixture,
) {
    let asks = [read(1, 10, LONG), total(100, LONG)];

    let allowed = allowed_together(&counters, 2, |_| asks).await;

    assert_eq!(allowed, 10);
    let limiter = counters.connect().await;
    assert_eq!(taken(&limiter, asks[1]).await, 10);
}

pub async fn a_caller_that_waits_as_long_as_one_of_two_limits_says_is_allowed(counters: Fixture) {
    let limiter = counters.connect().await;
    let asks = [read(1, 1, SHORT), total(100, LONG)];
    assert!(take_all(&limiter, &asks).await.is_allowed());

    let JointDecision::Refused { by: 0, decision } = take_all(&limiter, &asks).await else {
        panic!("the caller's share is spent")
    };
    let other = [read(2, 1, SHORT), asks[1]];
    assert!(take_all(&limiter, &other).await.is_allowed(), "the total has room for others");
    counters.pass(decision.reset_after).await;

    assert!(take_all(&limiter, &asks).await.is_allowed());
}

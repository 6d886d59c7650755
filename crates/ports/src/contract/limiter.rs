//! The facts of the Limiter port. Each runs on counters of its own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::limits::{Limit, LimitClass, Subject};
use tokio::task::JoinSet;

use crate::{Ask, Decision, Limiter, Window};

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

/// The decisions of all callers, each of whom asks `times` on a connection of his own.
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

pub async fn whoever_waits_as_long_as_a_refusal_says_is_allowed(counters: Fixture) {
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

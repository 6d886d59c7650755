//! The deny cache decides as its limiter would, with fewer calls.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::limits::{Limit, LimitClass, Subject};
use embedded::MemoryLimiter;
use limits::DenyCache;
use ports::contract::limiter::Counters;
use ports::{Ask, Decision, JointDecision, Limiter, PortError, Window};
use simulation::HandSetWorld;

struct Memory {
    world: Arc<HandSetWorld>,
    limiter: Arc<dyn Limiter>,
}

#[async_trait]
impl Counters for Memory {
    async fn connect(&self) -> Arc<dyn Limiter> {
        Arc::clone(&self.limiter)
    }

    async fn pass(&self, time: Duration) {
        self.world.pass(time);
    }
}

fn world() -> Arc<HandSetWorld> {
    Arc::new(HandSetWorld::of(1))
}

async fn deny_cache() -> Memory {
    let world = world();
    let memory = Arc::new(MemoryLimiter::new(world.clone(), 1 << 20));
    let limiter = Arc::new(DenyCache::new(memory, world.clone()));

    Memory { world, limiter }
}

ports::limiter_contract!(deny_cache);

/// Refuses everything for a minute, and counts its calls.
#[derive(Default)]
struct Refusing(AtomicUsize);

#[async_trait]
impl Limiter for Refusing {
    fn window(&self) -> Window {
        Window::Sliding
    }

    async fn take_all(&self, asks: &[Ask]) -> Result<JointDecision, PortError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let decision = Decision::refused(Duration::from_secs(60));
        Ok(JointDecision::Refused { by: asks.len() - 1, decision })
    }
}

fn ask(subject: u128) -> Ask {
    let limit = Limit { requests: 1, window: Duration::from_secs(60) };

    Ask { class: LimitClass::Read, subject: Subject::Customer(subject), limit }
}

#[tokio::test]
async fn a_refused_client_costs_the_store_nothing_until_the_refusal_ends() {
    let world = world();
    let store = Arc::new(Refusing::default());
    let limiter = DenyCache::new(store.clone(), world.clone());

    assert_eq!(limiter.try_take(&ask(1)), None, "nothing is cached yet");
    limiter.take(&ask(1)).await.unwrap();
    world.pass(Duration::from_secs(20));
    let refused = limiter.take(&ask(1)).await.unwrap();

    assert_eq!(refused, Decision::refused(Duration::from_secs(40)));
    assert_eq!(limiter.try_take(&ask(1)), Some(refused));
    assert_eq!(store.0.load(Ordering::SeqCst), 1);
    world.pass(Duration::from_secs(40));
    limiter.take(&ask(1)).await.unwrap();
    assert_eq!(store.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_refusal_by_the_total_holds_for_every_address_and_one_by_a_share_for_its_own() {
    let world = world();
    let store = Arc::new(Refusing::default());
    let limiter = DenyCache::new(store.clone(), world.clone());
    let total = Ask { subject: Subject::Everybody, ..ask(0) };

    limiter.take_all(&[ask(1), total]).await.unwrap();

    let decision = Decision::refused(Duration::from_secs(60));
    let by_total = Some(JointDecision::Refused { by: 1, decision });
    assert_eq!(limiter.try_take_all(&[ask(2), total]), by_total);
    assert_eq!(limiter.try_take(&ask(1)), None, "its share has requests left");
    limiter.take(&ask(1)).await.unwrap();
    let by_share = JointDecision::Refused { by: 0, decision };
    assert_eq!(limiter.try_take_all(&[ask(1), total]), Some(by_share));
    assert_eq!(store.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_clock_that_was_set_back_ends_every_cached_refusal() {
    let world = world();
    let store = Arc::new(Refusing::default());
    let limiter = DenyCache::new(store.clone(), world.clone());
    limiter.take(&ask(1)).await.unwrap();

    world.jump_back(Duration::from_secs(3_600));
    limiter.take(&ask(1)).await.unwrap();

    assert_eq!(store.0.load(Ordering::SeqCst), 2);
}

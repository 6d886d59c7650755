//! The adapters on a real redis-server, and without it.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use domain::limits::{Limit, LimitClass, Subject};
use domain::{LogId, Resource, Seq, Stamp, TagHash};
use ports::contract::limiter::Counters;
use ports::{Ask, Bell as _, Limiter, PortErrorKind, SharedCache, SharedEntry};
use redis_adapters::testing::LocalRedis;
use redis_adapters::{RedisBell, RedisLimiter, RedisLink, RedisSharedCache};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Far more than any call takes on a machine that is busy with other tests.
const PATIENT: Duration = Duration::from_secs(20);

fn link(redis: &LocalRedis) -> RedisLink {
    RedisLink::patient(&redis.url(0), PATIENT).unwrap()
}

/// A condition that comes true within a bound.
async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let met = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENT, met).await.expect("the condition is met in time");
}

struct Server(LocalRedis);

#[async_trait]
impl Counters for Server {
    async fn connect(&self) -> Arc<dyn Limiter> {
        Arc::new(RedisLimiter::new(link(&self.0)))
    }

    /// The server's clock goes as this machine's does.
    async fn pass(&self, time: Duration) {
        let began = Instant::now();
        until(|| async { began.elapsed() >= time }).await;
    }
}

async fn server() -> Server {
    Server(LocalRedis::start().unwrap())
}

mod limiter {
    use super::*;

    ports::limiter_contract!(
        #[ignore = "needs redis-server, which `cargo xtask test` installs"]
        server
    );
}

fn ask(requests: u32) -> Ask {
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let limit = Limit { requests, window: Duration::from_secs(60) };

    Ask { class: LimitClass::Read, subject: Subject::address(address), limit }
}

fn entry(seq: u64, text: &'static str) -> SharedEntry<Bytes> {
    SharedEntry {
        value: Bytes::from_static(text.as_bytes()),
        resource: Resource::Product,
        tags: [TagHash::of("a")].into(),
        stamp: Stamp { log: LogId::new("L").unwrap(), seq: Seq(seq) },
        seen: None,
        remaining: Duration::from_secs(60),
    }
}

#[tokio::test]
#[ignore = "needs redis-server, which `cargo xtask test` installs"]
async fn the_shared_cache_keeps_its_contract() {
    let redis = LocalRedis::start().unwrap();

    let cache = Arc::new(RedisSharedCache::new(link(&redis)));

    ports::contract::shared_cache::holds(cache, "any:").await;
}

#[tokio::test]
#[ignore = "needs redis-server, which `cargo xtask test` installs"]
async fn shops_on_two_databases_of_one_server_share_nothing() {
    let redis = LocalRedis::start().unwrap();
    let open = |database| {
        RedisSharedCache::new(RedisLink::patient(&redis.url(database), PATIENT).unwrap())
    };
    let (one, other) = (open(0), open(1));

    assert!(one.put_if_newer("key", &entry(1, "one")).await.unwrap());

    assert_eq!(other.get("key").await.unwrap(), None);
    assert!(one.get("key").await.unwrap().is_some());
}

#[tokio::test]
#[ignore = "needs redis-server, which `cargo xtask test` installs"]
async fn a_change_that_is_told_is_heard_by_another_process() {
    let redis = LocalRedis::start().unwrap();
    let (heard, mut news) = mpsc::unbounded_channel();
    let listening = RedisBell::new(link(&redis));
    tokio::spawn(async move {
        listening.hear(&move |head| drop(heard.send(head))).await;
    });
    let head = Stamp { log: LogId::new("L").unwrap(), seq: Seq(7) };
    let bell = RedisBell::new(link(&redis));

    // What is told before anybody listens is lost: that is how it is.
    let told = async {
        loop {
            bell.ring(&head).await.unwrap();
            if let Ok(heard) = timeout(Duration::from_millis(20), news.recv()).await {
                return heard;
            }
        }
    };

    assert_eq!(timeout(PATIENT, told).await.unwrap(), Some(head));
}

#[tokio::test]
#[ignore = "needs redis-server, which `cargo xtask test` installs"]
async fn a_server_that_is_gone_costs_the_first_who_asks_and_nobody_after_and_is_found_again() {
    let mut redis = LocalRedis::start().unwrap();
    let limiter = Arc::new(RedisLimiter::new(link(&redis)));
    assert!(limiter.take(&ask(10)).await.unwrap().is_allowed);
    redis.goes_down();
    assert!(limiter.take(&ask(10)).await.is_err());

    let began = Instant::now();
    let mut kinds = Vec::new();
    for _ in 0..100 {
        kinds.push(limiter.take(&ask(10)).await.unwrap_err().kind);
    }

    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(kinds.iter().all(|kind| *kind == PortErrorKind::Unavailable));
    redis.comes_back().unwrap();
    until(|| async { limiter.take(&ask(10)).await.is_ok() }).await;
    assert!(limiter.take(&ask(10)).await.unwrap().remaining < 10);
}

#[tokio::test]
async fn a_server_that_accepts_and_never_answers_is_waited_for_within_the_deadline() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let cache = RedisSharedCache::new(RedisLink::patient(&url, Duration::from_millis(50)).unwrap());
    let began = Instant::now();

    let failed = cache.get("key").await.unwrap_err();

    assert_eq!(failed.kind, PortErrorKind::Unavailable);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_is_no_address_is_refused_and_no_password_is_repeated() {
    for url in ["", "127.0.0.1:6379", "http://127.0.0.1", "redis://user:hunter2@host:port/1"] {
        let refused = RedisLink::open(url).err().unwrap();

        assert_eq!(refused.kind, PortErrorKind::Invalid, "{url}");
        assert!(!format!("{refused:?}").contains("hunter2"));
    }
}

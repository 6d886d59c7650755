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
use ports::{Ask, ChangeNotifier as _, Limiter, PortErrorKind, SharedCache, SharedEntry};
use redis_adapters::testing::LocalRedis;
use redis_adapters::{RedisChangeNotifier, RedisConnection, RedisLimiter, RedisSharedCache};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Far more than any call takes on a machine that is busy with other tests.
const GENEROUS: Duration = Duration::from_secs(20);

fn connect(redis: &LocalRedis) -> RedisConnection {
    RedisConnection::with_deadline(&redis.url(0), GENEROUS).unwrap()
}

/// Waits for a condition, within a bound.
async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let met = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(GENEROUS, met).await.expect("the condition was not met in time");
}

struct Server(LocalRedis);

#[async_trait]
impl Counters for Server {
    async fn connect(&self) -> Arc<dyn Limiter> {
        Arc::new(RedisLimiter::new(connect(&self.0)))
    }

    /// The server uses this machine's clock.
    async fn pass(&self, time: Duration) {
        let started = Instant::now();
        until(|| async { started.elapsed() >= time }).await;
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
async fn the_shared_cache_fulfils_its_contract() {
    let redis = LocalRedis::start().unwrap();

    let cache = Arc::new(RedisSharedCache::new(connect(&redis)));

    ports::contract::shared_cache::holds(cache, "any:").await;
}

#[tokio::test]
#[ignore = "needs redis-server, which `cargo xtask test` installs"]
async fn shops_on_two_databases_of_one_server_share_nothing() {
    let redis = LocalRedis::start().unwrap();
    let open = |database| {
        RedisSharedCache::new(
            RedisConnection::with_deadline(&redis.url(database), GENEROUS).unwrap(),
        )
    };
    let (one, other) = (open(0), open(1));

    assert!(one.put_if_newer("key", &entry(1, "one")).await.unwrap());

    assert_eq!(other.get("key").await.unwrap(), None);
    assert!(one.get("key").await.unwrap().is_some());
}

#[tokio::test]
#[ignore = "needs redis-server, which `cargo xtask test` installs"]
async fn another_process_is_notified_of_a_change() {
    let redis = LocalRedis::start().unwrap();
    let (sender, mut received) = mpsc::unbounded_channel();
    let subscriber = RedisChangeNotifier::new(connect(&redis));
    tokio::spawn(async move {
        subscriber.subscribe(&move |head| drop(sender.send(head))).await;
    });
    let head = Stamp { log: LogId::new("L").unwrap(), seq: Seq(7) };
    let publisher = RedisChangeNotifier::new(connect(&redis));

    // What is published before the subscription is active is lost, so it is published repeatedly.
    let notified = async {
        loop {
            publisher.publish(&head).await.unwrap();
            if let Ok(head) = timeout(Duration::from_millis(20), received.recv()).await {
                return head;
            }
        }
    };

    assert_eq!(timeout(GENEROUS, notified).await.unwrap(), Some(head));
}

#[tokio::test]
#[ignore = "needs redis-server, which `cargo xtask test` installs"]
async fn while_the_server_is_down_only_the_first_call_waits_and_its_return_is_noticed() {
    let mut redis = LocalRedis::start().unwrap();
    let limiter = Arc::new(RedisLimiter::new(connect(&redis)));
    assert!(limiter.take(&ask(10)).await.unwrap().is_allowed);
    redis.stop();
    assert!(limiter.take(&ask(10)).await.is_err());

    let started = Instant::now();
    let mut kinds = Vec::new();
    for _ in 0..100 {
        kinds.push(limiter.take(&ask(10)).await.unwrap_err().kind);
    }

    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(kinds.iter().all(|kind| *kind == PortErrorKind::Unavailable));
    redis.restart().unwrap();
    until(|| async { limiter.take(&ask(10)).await.is_ok() }).await;
    assert!(limiter.take(&ask(10)).await.unwrap().remaining < 10);
}

#[tokio::test]
async fn a_server_that_accepts_and_never_answers_fails_within_the_deadline() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let cache = RedisSharedCache::new(
        RedisConnection::with_deadline(&url, Duration::from_millis(50)).unwrap(),
    );
    let started = Instant::now();

    let failed = cache.get("key").await.unwrap_err();

    assert_eq!(failed.kind, PortErrorKind::Unavailable);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_invalid_url_is_refused_without_quoting_its_password() {
    for url in ["", "127.0.0.1:6379", "http://127.0.0.1", "redis://user:hunter2@host:port/1"] {
        let refused = RedisConnection::open(url).err().unwrap();

        assert_eq!(refused.kind, PortErrorKind::Invalid, "{url}");
        assert!(!format!("{refused:?}").contains("hunter2"));
    }
}

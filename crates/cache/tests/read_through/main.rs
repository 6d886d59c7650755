//! What the read-through cache promises, one fact a test.

#![allow(clippy::unwrap_used, reason = "it is test code")]

mod entries;
mod fills;
mod log_unavailable;
mod rows;
mod shared;
#[path = "../world/mod.rs"]
mod world;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cache::{Answer, Filled, Follower, LoadError, ReadThrough, ReadThroughSettings};
use domain::Resource;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::sleep;

use world::tag;

type Error = &'static str;
type Cache = ReadThrough<Bytes, Error>;

/// A source whose value is a number, read slowly or not at all, and counted.
#[derive(Default)]
struct Source {
    value: AtomicU64,
    fills: AtomicU64,
    takes: Duration,
    hangs: AtomicBool,
    gate: Option<Notify>,
}

impl Source {
    fn taking(takes: Duration) -> Arc<Self> {
        Arc::new(Self { takes, ..Self::default() })
    }

    fn gated() -> Arc<Self> {
        Arc::new(Self { gate: Some(Notify::new()), ..Self::default() })
    }

    fn set(&self, value: u64) {
        self.value.store(value, Ordering::Relaxed);
    }

    fn fills(&self) -> u64 {
        self.fills.load(Ordering::Relaxed)
    }

    /// Reads first and then takes its time: the order that makes races.
    async fn read(self: Arc<Self>) -> Result<Filled<Bytes>, Error> {
        self.fills.fetch_add(1, Ordering::Relaxed);
        let value = self.value.load(Ordering::Relaxed);

        if self.hangs.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        sleep(self.takes).await;
        Ok(filled(value, Resource::Product, "product:1"))
    }
}

fn filled(value: u64, resource: Resource, tagged: &str) -> Filled<Bytes> {
    Filled::new(Bytes::from(value.to_string()), resource, &[tag(tagged)])
}

fn cache(follower: &Follower) -> Cache {
    ReadThrough::new(follower.clone(), ReadThroughSettings::default())
}

async fn get(cache: &Cache, source: &Arc<Source>) -> Result<Answer<Bytes>, LoadError<Error>> {
    let source = Arc::clone(source);

    cache.get("/products/1", None, move |_| Arc::clone(&source).read()).await
}

/// Lets everybody go on until it holds, without letting time pass.
async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        yield_now().await;
    }
    panic!("it never came true");
}

fn text(answer: &Answer<Bytes>) -> &str {
    std::str::from_utf8(answer.value()).unwrap()
}

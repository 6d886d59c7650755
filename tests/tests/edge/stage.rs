//! One edge in front of one origin that plays a part.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use domain::{LogId, Seq, Stamp};
use edge_core::auth::SigningKey;
use edge_core::token;
use ports::World as _;
use tests::{Answer, Endpoint, until};

use crate::play::{Listening, Origin, Reaction, RecordedRequest};
use crate::shop::World;

/// The secrets that the edge under test is given.
pub const EDGE_AUTH: &str = "edge-auth-of-a-test-0123456789abcdef";
pub const CATALOG_TOKEN: &str = "catalog-token-of-a-test-0123456789ab";
pub const PUBLIC_HOST: &str = "shop.example";

/// An edge hears of a change by its polls alone; 4 s are promised, the rest is for slow machines.
pub const HEARS_WITHIN: Duration = Duration::from_secs(10);

pub struct Stage {
    pub edge: Endpoint,
    pub origin: Arc<Origin>,
    listening: Mutex<Option<Listening>>,
    world: Arc<World>,
}

impl Stage {
    /// The origin alone; the edge is built against its address.
    pub async fn origin() -> (Arc<Origin>, Listening, Arc<World>) {
        let world = Arc::new(World::default());
        let origin = Origin::new(key(EDGE_AUTH), Arc::clone(&world));
        let listening = Listening::at(([127, 0, 0, 1], 0).into(), Arc::clone(&origin)).await;

        (origin, listening, world)
    }

    pub fn new(
        edge: Endpoint,
        (origin, listening, world): (Arc<Origin>, Listening, Arc<World>),
    ) -> Self {
        Self { edge, origin, listening: Mutex::new(Some(listening)), world }
    }

    pub async fn get(&self, target: &str) -> Result<Answer> {
        self.edge.call("GET", target).send().await
    }

    pub async fn get_with(&self, target: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        let call = self.edge.call("GET", target);

        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
    }

    /// A path whose answers say how often it was made, and in which encoding.
    pub fn counts(&self, path: &str, tags: &'static str) {
        let made = AtomicU32::new(0);
        let origin = Arc::downgrade(&self.origin);
        self.origin.plays(path, move |seen| {
            let n = made.fetch_add(1, Ordering::SeqCst) + 1;
            let origin = origin.upgrade().expect("the origin lives");
            let encoding = seen.header("x-edge-encoding").to_owned();
            let reaction = Reaction::public(&origin, tags, &format!("{n} {encoding}"))
                .with("etag", &format!("\"{n}-{encoding}\""));
            if encoding == "identity" {
                reaction
            } else {
                reaction.with("content-encoding", &encoding)
            }
        });
    }

    /// A path that answers with the log's position.
    pub fn tells_position(&self, path: &str, tags: &'static str) {
        let origin = Arc::downgrade(&self.origin);
        self.origin.plays(path, move |_| {
            let origin = origin.upgrade().expect("the origin lives");
            let body = origin.stamp().to_string();
            Reaction::public(&origin, tags, &body)
        });
    }

    /// What the origin was asked at a path.
    pub fn asked(&self, path: &str) -> Vec<RecordedRequest> {
        self.origin.seen().into_iter().filter(|seen| seen.path() == path).collect()
    }

    /// Waits until the edge has read the log as far as it goes. An edge may do so only while it
    /// serves.
    pub async fn hears_of_all(&self) -> Result<()> {
        let stamp = self.origin.stamp().to_string();

        until(HEARS_WITHIN, "the edge has read the log", async || {
            self.get("/featured").await?;
            let health = self.edge.get_json("/edge/healthz").await?;
            Ok((health["log"] == stamp).then_some(()))
        })
        .await
    }

    pub fn token(&self, seq: Seq) -> String {
        let written = Stamp { seq, ..self.origin.stamp() };
        token::mint(&key(CATALOG_TOKEN), &written, self.world.now())
    }

    /// Of a log that is gone, or never was.
    pub fn token_of(&self, log: &str, seq: Seq) -> String {
        let written = Stamp { log: LogId::new(log).expect("letters"), seq };
        token::mint(&key(CATALOG_TOKEN), &written, self.world.now())
    }

    pub fn forged_token(&self, seq: Seq) -> String {
        let written = Stamp { seq, ..self.origin.stamp() };
        token::mint(&key("another-secret-0123456789abcdef01234"), &written, self.world.now())
    }

    pub async fn origin_goes_down(&self) -> Result<SocketAddr> {
        let listening = self.listening.lock().expect("not poisoned").take();
        let listening = listening.context("the origin is up")?;
        let addr = listening.addr;

        listening.goes_down().await;
        Ok(addr)
    }

    pub async fn origin_comes_back(&self, addr: SocketAddr) {
        let listening = Listening::at(addr, Arc::clone(&self.origin)).await;

        *self.listening.lock().expect("not poisoned") = Some(listening);
    }
}

pub fn key(secret: &str) -> SigningKey {
    SigningKey::of_secret(secret.as_bytes()).expect("a secret is long enough")
}

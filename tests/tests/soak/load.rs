//! Shoppers that read at the edge and admins that write at the origin, and what each was answered.

use std::fmt::{self, Display, Formatter};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tests::catalogue::{create_category, draft};
use tests::{Answer, Endpoint, until};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::PATIENCE;
use crate::stage::Stage;

const READERS: u64 = 4;
const WRITERS: usize = 4;
/// What is asked again at once only adds to the trouble.
const PAUSE: Duration = Duration::from_millis(20);
/// Of each kind, before a fault has been lived through.
const SERVED: u64 = 60;
const WRITTEN: u64 = 8;
/// Without new space: SQLite overwrites its write-ahead log.
const FITS: u64 = 400;
/// In a row, of one reader: a connection may be closed under a client, but not each time.
const FAILURES_IN_A_ROW: u32 = 20;

pub struct Load {
    state: Arc<State>,
    tasks: JoinSet<()>,
    writers: Vec<Arc<Writer>>,
}

#[derive(Default)]
struct State {
    ends: AtomicBool,
    /// Why a reader or writer gave up.
    failure: Mutex<Option<String>>,
    hits: AtomicU64,
    misses: AtomicU64,
    written: AtomicU64,
    refused: AtomicU64,
}

struct Writer {
    sku: String,
    /// Adjustments that were acknowledged, one unit each.
    acknowledged: AtomicI64,
}

#[derive(Clone, Copy, Debug)]
pub struct Counts {
    hits: u64,
    misses: u64,
    written: u64,
    refused: u64,
}

impl Load {
    pub async fn start(stage: &Stage) -> Result<Self> {
        let (origin, key) = (stage.origin()?, &stage.key);
        let category = create_category(&origin, key, "Soak").await?;
        let state = Arc::new(State::default());
        let mut tasks = JoinSet::new();
        let mut writers = Vec::new();
        for number in 0..WRITERS {
            let sku = format!("soak-{number}");
            let product = draft(&format!("Soak {number}"), &sku, &category);
            let made = origin.call("POST", "/admin/products").by(key).json(&product);
            made.send().await?.must_be(201)?;
            let writer = Arc::new(Writer { sku, acknowledged: AtomicI64::new(0) });
            writers.push(Arc::clone(&writer));
            tasks.spawn(write(Arc::clone(&state), writer, origin.clone(), key.clone()));
        }
        for reader in 0..READERS {
            tasks.spawn(read(Arc::clone(&state), stage.edge.server.edge().clone(), reader));
        }
        Ok(Self { state, tasks, writers })
    }

    pub fn counts(&self) -> Counts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);

        Counts {
            hits: count(&self.state.hits),
            misses: count(&self.state.misses),
            written: count(&self.state.written),
            refused: count(&self.state.refused),
        }
    }

    /// While nothing but the edge's own memory can answer.
    pub async fn serves_hits(&self) -> Result<()> {
        self.goes_on("hits", |since| since.hits >= SERVED).await
    }

    /// While nothing can be written; what fits into space that the store holds already is no less
    /// written.
    pub async fn serves_hits_and_refuses_writes(&self) -> Result<()> {
        self.goes_on("hits and refused writes", |since| {
            since.hits >= SERVED && (since.refused >= WRITTEN || since.written >= FITS)
        })
        .await
    }

    pub async fn serves_misses_and_writes(&self) -> Result<()> {
        self.goes_on("hits, misses and writes", |since| {
            since.hits >= SERVED && since.misses >= SERVED && since.written >= WRITTEN
        })
        .await
    }

    pub async fn serves_again(&self) -> Result<()> {
        self.serves_misses_and_writes().await
    }

    /// The load alone, for the rest of a round.
    pub async fn goes_on_until(&self, end: Instant) -> Result<()> {
        until(PATIENCE * 2, "the round is over", async || {
            self.runs()?;
            Ok((Instant::now() >= end).then_some(()))
        })
        .await
    }

    /// Lets the writers finish what they began, and compares what they were told with what is
    /// there.
    pub async fn ends_with_nothing_lost(mut self, stage: &Stage) -> Result<()> {
        self.state.ends.store(true, Ordering::SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended?;
        }
        self.runs()?;
        for writer in &self.writers {
            let (acknowledged, on_hand) =
                (writer.acknowledged.load(Ordering::SeqCst), stage.on_hand(&writer.sku).await?);
            // The draft has seven.
            let expected = 7 + acknowledged;
            ensure!(
                on_hand == expected,
                "{}: {acknowledged} adjustments were acknowledged and {} are there",
                writer.sku,
                on_hand - 7
            );
        }
        Ok(())
    }

    async fn goes_on(&self, what: &str, enough: impl Fn(Counts) -> bool) -> Result<()> {
        let before = self.counts();

        until(PATIENCE, what, async || {
            self.runs()?;
            Ok(enough(self.counts().since(before)).then_some(()))
        })
        .await
        .with_context(|| format!("since then {}", self.counts().since(before)))
    }

    /// A reader or writer ends early only with an error.
    fn runs(&self) -> Result<()> {
        match self.state.failure().as_ref() {
            Some(failure) => bail!("{failure}"),
            None => Ok(()),
        }
    }
}

impl State {
    fn failure(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All end when one of them can't go on.
    fn ended(&self, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.failure().get_or_insert(format!("{error:#}"));
            self.ends.store(true, Ordering::SeqCst);
        }
    }
}

/// Pages that are cached, pages that were not requested before, and lists.
async fn read(state: Arc<State>, edge: Endpoint, reader: u64) {
    let outcome = async {
        let mut failures = 0;
        for at in 0_u64.. {
            if state.ends.load(Ordering::SeqCst) {
                break;
            }
            let path = match at % 4 {
                0 => format!("/search?q=word{reader}x{at}"),
                1 => "/products".to_owned(),
                2 => "/categories".to_owned(),
                _ => format!("/products/soak-{}", at % WRITERS as u64),
            };
            match edge.call("GET", &path).send().await {
                Ok(answer) => {
                    failures = 0;
                    count(&state, &answer)?;
                }
                Err(error) => {
                    failures += 1;
                    if failures > FAILURES_IN_A_ROW {
                        return Err(error.context("the edge does not answer"));
                    }
                }
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }
    .await;

    state.ended(outcome);
}

fn count(state: &State, answer: &Answer) -> Result<()> {
    let counter = match answer.status {
        200 if answer.is_hit() => &state.hits,
        200 if answer.cache_parameters().any(|said| said.starts_with("fwd=uri-miss")) => {
            &state.misses
        }
        // Revalidated, or stale beside an origin that fails.
        200 => &state.hits,
        502..=504 => &state.refused,
        _ => bail!("no answer of a shop: {answer}"),
    };
    counter.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// One unit more, again and again; what was not answered is asked again under its key.
async fn write(state: Arc<State>, writer: Arc<Writer>, origin: Endpoint, key: String) {
    let path = format!("/admin/inventory/{}/adjust", writer.sku);
    let mut at = 0_u64;
    let outcome = async {
        while !state.ends.load(Ordering::SeqCst) {
            let name = format!("{}-{at}", writer.sku);
            let asked = Instant::now();
            loop {
                let call = origin.call("POST", &path).by(&key).header("idempotency-key", &name);
                let sent = call.json(&json!({ "delta": 1, "reason": "soak" })).send().await;
                match sent {
                    Ok(answer) if answer.status == 200 => break,
                    // Another try of the same key is still under way, or the store can't write.
                    Ok(answer) if matches!(answer.status, 409 | 429 | 500..=507) => {
                        state.refused.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(answer) => bail!("no answer to an adjustment: {answer}"),
                    Err(_) => {
                        state.refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
                ensure!(asked.elapsed() < PATIENCE * 3, "{name} is not answered");
                sleep(PAUSE).await;
            }
            writer.acknowledged.fetch_add(1, Ordering::SeqCst);
            state.written.fetch_add(1, Ordering::Relaxed);
            at += 1;
            sleep(PAUSE).await;
        }
        Ok(())
    }
    .await;

    state.ended(outcome);
}

impl Counts {
    pub fn since(self, before: Self) -> Self {
        Self {
            hits: self.hits - before.hits,
            misses: self.misses - before.misses,
            written: self.written - before.written,
            refused: self.refused - before.refused,
        }
    }
}

impl Display for Counts {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} hits, {} misses, {} writes, {} refused or unanswered",
            self.hits, self.misses, self.written, self.refused
        )
    }
}

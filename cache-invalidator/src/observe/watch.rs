//! Reads sampled products through each edge until the change is visible or its time is over.

use std::sync::Arc;
use std::time::Duration;

use domain::ProductId;
use metrics::{counter, describe_counter, describe_histogram, histogram};
use platform::Shutdown;
use ports::World;
use reqwest::Client;
use store::Catalog;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::look::{Look, Seen, look};
use super::sample::Sample;

/// The staleness bound of edges while every push is lost, and a second for the read itself.
pub(crate) const BOUND: Duration = Duration::from_secs(5);
/// The first reads are close together, so that the time is known to some ten milliseconds; then each
/// pause is twice as long: eight reads at most.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// Samples that are followed concurrently.
const CONCURRENT_MAX: usize = 16;

pub(crate) struct Observer {
    /// Schemes and authorities.
    pub(crate) edges: Vec<String>,
    pub(crate) client: Client,
    pub(crate) catalog: Catalog,
    pub(crate) world: Arc<dyn World>,
    /// [`BOUND`].
    pub(crate) bound: Duration,
}

pub(crate) async fn observe(
    observer: Arc<Observer>,
    samples: Arc<Mutex<mpsc::Receiver<Sample>>>,
    shutdown: Shutdown,
) {
    describe_counter!(
        "staleness_checks_total",
        "Samples read through an edge until their change was visible or overdue"
    );
    describe_counter!(
        "stale_reads_total",
        "Samples that an edge did not show within the staleness bound"
    );
    describe_counter!("staleness_unknown_total", "Samples whose staleness could not be determined");
    describe_counter!(
        "staleness_skipped_total",
        "Staleness samples dropped because the observer was busy"
    );
    describe_histogram!(
        "change_visible_seconds",
        "Time from a change's commit until an edge showed it"
    );
    let mut samples = samples.lock().await;
    let room = Arc::new(Semaphore::new(CONCURRENT_MAX));
    let mut looks = JoinSet::new();

    let observing = async {
        while let Some(sample) = samples.recv().await {
            for edge in 0..observer.edges.len() {
                // Never closed.
                let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
                let (observer, sample) = (Arc::clone(&observer), sample.clone());
                looks.spawn(async move {
                    let _place = place;
                    observer.follow(&observer.edges[edge], &sample).await;
                });
            }
            while looks.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        () = observing => {}
        () = shutdown.begun() => {}
    }
    looks.shutdown().await;
}

impl Observer {
    async fn follow(&self, edge: &str, sample: &Sample) -> Look {
        // From now, not from the row's time: clocks differ.
        let deadline = Instant::now() + self.bound;
        let mut pause = FIRST_PAUSE;

        let (seen, last) = loop {
            let is_last = Instant::now() >= deadline;
            let seen = look(&self.client, edge, sample.product).await;
            let last = match seen.of(sample) {
                Look::Shown => Look::Shown,
                _ if is_last => seen.at_last(sample, self.public(sample.product).await),
                Look::NotYet | Look::Unknown => {
                    let next = Instant::now() + pause;
                    pause *= 2;
                    sleep_until(next.min(deadline)).await;
                    continue;
                }
            };
            break (seen, last);
        };
        self.count(edge, sample, seen, last);
        last
    }

    /// The version that the store shows to the public.
    async fn public(&self, product: ProductId) -> Option<u64> {
        let found = self.catalog.product(product).await.ok().flatten()?;

        found.is_published().then_some(found.product.version)
    }

    fn count(&self, edge: &str, sample: &Sample, seen: Seen, look: Look) {
        let product = sample.product;

        match look {
            Look::Shown => {
                let took = self.world.now().since(sample.at);
                histogram!("change_visible_seconds").record(took);
                tracing::debug!(%product, edge, ?took, "change is visible");
            }
            Look::NotYet => {
                counter!("stale_reads_total").increment(1);
                tracing::warn!(
                    key = %format_args!("/products/{product}"),
                    edge, version = sample.version, ?seen,
                    "stale read: the edge does not show a change within its staleness bound"
                );
            }
            Look::Unknown => {
                counter!("staleness_unknown_total").increment(1);
                return;
            }
        }
        counter!("staleness_checks_total").increment(1);
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;

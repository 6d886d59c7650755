//! The task that sends pending purges, as often as the plan allows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Tag;
use metrics::counter;
use platform::{PurgePlan, Shutdown};
use resilience::TokenBucket;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::pending::Pending;
use super::{PurgeError, Purger, plan};

/// The time for one last request at shutdown.
const LAST_WITHIN: Duration = Duration::from_secs(3);

/// A handle; clones are the same queue.
#[derive(Clone)]
pub(crate) struct Purges {
    shared: Arc<Shared>,
}

struct Shared {
    pending: Mutex<Pending>,
    added: Notify,
}

impl Purges {
    pub(crate) fn new() -> Self {
        Self { shared: Arc::new(Shared { pending: Mutex::default(), added: Notify::new() }) }
    }

    /// Never waits: too many tags are replaced by a purge of everything.
    pub(crate) fn add(&self, tags: impl IntoIterator<Item = Tag>) {
        self.pending().add(tags, Instant::now());
        self.shared.added.notify_one();
    }

    /// Sends until `shutdown`, then once more if tags are pending.
    pub(crate) async fn run(self, purger: Arc<dyn Purger>, plan: PurgePlan, shutdown: Shutdown) {
        let mut bucket = plan::bucket(plan);
        let sending = async {
            loop {
                let due = self.pending().due();
                match due {
                    Some(due) => tokio::select! {
                        () = sleep_until(due) => self.send(&*purger, &mut bucket).await,
                        // There may be a hundred by now, which are due immediately.
                        () = self.shared.added.notified() => {}
                    },
                    None => self.shared.added.notified().await,
                }
            }
        };

        tokio::select! {
            biased;
            () = shutdown.begun() => {}
            () = sending => {}
        }
        if self.pending().due().is_some() {
            let _ = timeout(LAST_WITHIN, self.send(&*purger, &mut bucket)).await;
        }
    }

    async fn send(&self, purger: &dyn Purger, bucket: &mut TokenBucket) {
        let now = Instant::now();
        if let Err(wait) = bucket.take(now) {
            self.pending().not_before(now + wait);
            return;
        }
        let tags = self.pending().take();
        let ended = purger.purge(&tags).await;

        report(tags.len(), &ended);
        if let Err(PurgeError::Throttled(_)) = ended {
            // Another client purges with the same account.
            bucket.drain(Instant::now());
        }
        self.pending().settle(tags, &ended, Instant::now());
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report(tags: usize, ended: &Result<(), PurgeError>) {
    let result = match ended {
        Ok(()) => "purged",
        Err(PurgeError::Throttled(_)) => "throttled",
        Err(PurgeError::Refused { .. }) => "refused",
        Err(PurgeError::Unavailable(_)) => "unavailable",
        Err(PurgeError::Open(_)) => "open",
    };
    counter!("cache_purges_total", "result" => result).increment(1);

    match ended {
        Ok(()) => tracing::debug!(tags, "purged"),
        Err(PurgeError::Refused { .. }) => {
            tracing::error!(
                ?ended,
                tags,
                "Cloudflare refuses to purge: check the zone and its token"
            );
        }
        Err(error) => tracing::warn!(%error, tags, "not purged"),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tokio::time::sleep;

    use super::*;

    struct Recorder {
        born: Instant,
        sent: Mutex<Vec<(Duration, Vec<Tag>)>>,
        refuse: Mutex<Vec<PurgeError>>,
    }

    #[async_trait]
    impl Purger for Recorder {
        async fn purge(&self, tags: &[Tag]) -> Result<(), PurgeError> {
            self.sent.lock().unwrap().push((self.born.elapsed(), tags.to_vec()));
            self.refuse.lock().unwrap().pop().map_or(Ok(()), Err)
        }
    }

    fn tag(number: usize) -> Tag {
        serde_json::from_value(format!("product:{number:04}").into()).unwrap()
    }

    async fn run(
        plan: PurgePlan,
        refuse: Vec<PurgeError>,
        play: impl AsyncFnOnce(&Purges),
    ) -> Vec<(Duration, Vec<Tag>)> {
        let recorder = Arc::new(Recorder {
            born: Instant::now(),
            sent: Mutex::default(),
            refuse: Mutex::new(refuse),
        });
        let (purges, shutdown) = (Purges::new(), Shutdown::default());
        let purger = Arc::clone(&recorder) as Arc<dyn Purger>;
        let task = tokio::spawn(purges.clone().run(purger, plan, shutdown.clone()));

        play(&purges).await;
        shutdown.begin();
        task.await.unwrap();

        std::mem::take(&mut *recorder.sent.lock().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_has_more_requests_than_the_plan_allows() {
        let sent = run(PurgePlan::Free, vec![], async |purges| {
            for number in 0..2_000 {
                purges.add([tag(number)]);
                sleep(Duration::from_millis(300)).await;
            }
            sleep(Duration::from_secs(60)).await;
        })
        .await;

        let times: Vec<_> = sent.iter().map(|(at, _)| at.as_secs()).collect();
        for (index, from) in times.iter().enumerate() {
            let within = times[index..].iter().filter(|at| **at < from + 60).count();
            assert!(within <= 30, "{within} within a minute of second {from}");
        }
        let last = times.iter().filter(|at| **at > 300).count();
        assert!((20..=30).contains(&last), "five a minute once the bucket is empty: {last}");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_429_nothing_is_sent_before_its_time_and_then_everything_once() {
        let throttled = PurgeError::Throttled(Duration::from_secs(30));

        let sent = run(PurgePlan::Pro, vec![throttled], async |purges| {
            for number in 0..200 {
                purges.add([tag(number)]);
                sleep(Duration::from_millis(100)).await;
            }
            sleep(Duration::from_secs(60)).await;
        })
        .await;

        assert_eq!(sent.len(), 2, "{sent:?}");
        assert!(sent[1].0 - sent[0].0 >= Duration::from_secs(30));
        assert_eq!(sent[1].1, [Tag::CATALOG]);
    }

    #[tokio::test(start_paused = true)]
    async fn pending_tags_are_sent_at_shutdown() {
        let sent = run(PurgePlan::Pro, vec![], async |purges| purges.add([tag(1)])).await;

        assert_eq!(sent.len(), 1);
    }
}
